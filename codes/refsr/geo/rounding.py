"""Computed values in the type of a raster's pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from refsr.geo.validity import Array


def as_type(values: Array, dtype: np.dtype[Any]) -> Array:
    """Values in a type; integers are rounded, halves to even, and stay within what the type holds."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max).astype(dtype)
