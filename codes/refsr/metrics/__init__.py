"""Metrics by name: `available` says whether one can be taken here, `build` makes it."""

from refsr.metrics.building import available, build
from refsr.metrics.table import METRICS, Metric, MetricError, described, names

__all__ = ["METRICS", "Metric", "MetricError", "available", "build", "described", "names"]
