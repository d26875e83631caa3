"""Which raw values are black and white to a network: declared, from the file's tags, or measured on the scene."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.geo.raster_source import RasterSource
from refsr.geo.validity import Array, Mask

SAMPLES = 8
"""Windows a side in which a scene's values are looked up, spread evenly."""
SIDE = 128
"""Side of such a window."""
TAIL = 0.1
"""Percent of the values that may lie beyond a measured range at either end."""
MARGIN = 0.05
"""What is left free beyond those percentiles, as a share of their distance."""


@dataclass(frozen=True)
class ValueRange:
    """The raw values that become 0 and 1."""

    low: float
    high: float
    reason: str

    def unit(self, pixels: Array) -> npt.NDArray[np.float32]:
        """Raw values -> 0 at `low`, 1 at `high`; nothing is clipped."""
        low, high = np.float32(self.low), np.float32(self.high)
        return (pixels.astype(np.float32) - low) / (high - low)

    def raw(self, unit: npt.NDArray[np.float32], dtype: str) -> Array:
        """Back to raw values of a type; integers are rounded, halves to even, and stay within their type."""
        values = unit * np.float32(self.high - self.low) + np.float32(self.low)
        kind = np.dtype(dtype)
        if kind.kind == "f":
            return values.astype(kind)
        limits = np.iinfo(kind)
        wide = np.rint(values.astype(np.float64))
        return np.clip(wide, limits.min, limits.max).astype(kind)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} ({self.reason})"


def find_range(source: RasterSource, declared: tuple[float, float] | None = None) -> ValueRange:
    """The declared range; else that of 8 bits; else the file's scale and offset; else percentiles of the scene."""
    if declared is not None:
        low, high = declared
        if not (math.isfinite(low) and math.isfinite(high) and high > low):
            raise DataError(f"{source.name}: range [{low:g}, {high:g}] must rise")
        return ValueRange(low, high, "as declared")
    if source.dtype == np.uint8:
        return ValueRange(0, 255, "8 bits")
    scales = {(source.all_bands[band - 1].scale, source.all_bands[band - 1].offset) for band in source.bands}
    if len(scales) == 1 and (only := scales.pop()) != (1.0, 0.0) and only[0] > 0:
        scale, offset = only
        return ValueRange(-offset / scale, (1 - offset) / scale, f"scale {scale:g} and offset {offset:g}")
    values = sampled_values(source)
    if not values.size:
        raise DataError(f"{source.name}: no pixel holds data in any of its sampled parts; declare --range LOW HIGH")
    low, high = np.percentile(values, (TAIL, 100 - TAIL))
    spare = MARGIN * (high - low)
    if not high > low:
        raise DataError(f"{source.name}: all values are {low:g}; declare --range LOW HIGH")
    return ValueRange(
        _short(low - spare), _short(high + spare), f"percentiles {TAIL:g} and {100 - TAIL:g} of the scene"
    )


def sampled_values(source: RasterSource) -> Array:
    """Values that hold data in windows spread evenly over a raster, the same at every call."""
    found = []
    for row in range(SAMPLES):
        for column in range(SAMPLES):
            top = (source.height - SIDE) * row // (SAMPLES - 1)
            left = (source.width - SIDE) * column // (SAMPLES - 1)
            window = Window(top, left, SIDE, SIDE).common(source.window)
            pixels, valid = source.read(window)
            found.append(pixels[valid].ravel())
            if source.height <= SIDE and source.width <= SIDE:
                return found[0]
    return np.concatenate(found)


@dataclass
class BeyondRange:
    """How many values of a scene lie beyond the range that they are read with."""

    range: ValueRange
    below: int = 0
    above: int = 0
    total: int = 0
    most: float = -math.inf
    least: float = math.inf

    def count(self, pixels: Array, valid: Mask) -> None:
        """Counts the values of a window."""
        values = pixels[valid]
        if not values.size:
            return
        self.below += int((values < self.range.low).sum())
        self.above += int((values > self.range.high).sum())
        self.total += values.size
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))

    @property
    def share(self) -> float:
        """Of all values, between 0 and 1."""
        return (self.below + self.above) / self.total if self.total else 0.0

    def __str__(self) -> str:
        low, high = self.range.low, self.range.high
        return f"{self.share:.2%} of the values lie beyond {low:g} to {high:g}: from {self.least:g} to {self.most:g}"


def _short(value: float) -> float:
    """Four digits are enough, and are what a person can repeat."""
    return float(f"{value:.4g}")
