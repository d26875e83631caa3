"""Measures by name: `available` says whether one can be taken here, `build` makes it."""

from refsr.metrics.measures.building import available, build
from refsr.metrics.measures.table import MEASURES, Measure, MeasureError, described, names

__all__ = ["MEASURES", "Measure", "MeasureError", "available", "build", "described", "names"]
