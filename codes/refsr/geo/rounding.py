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
    # float32 does not hold the limits of 32 bits.
    rounded = np.rint(values, dtype=np.float64 if dtype.itemsize > 2 else None)
    return np.clip(rounded, limits.min, limits.max, out=rounded).astype(dtype)
