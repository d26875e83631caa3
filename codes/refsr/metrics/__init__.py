"""Metrics by name: `available` says what is missing to compute one, `build` makes it."""

from refsr.metrics.building import available, build
from refsr.metrics.table import METRICS, Metric, MetricError, metric_named, names

__all__ = ["METRICS", "Metric", "MetricError", "available", "build", "metric_named", "names"]
