"""Which raw values are black and white to a network: declared, from the file's tags, or measured on the scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.geo.raster_source import RasterSource, spread_windows
from refsr.geo.rounding import as_type
from refsr.geo.validity import Array

SAMPLES = 8
"""Windows a side in which a scene's values are looked up, spread evenly."""
SIDE = 128
"""Side of such a window."""
TAIL = 0.1
"""Percent of the values that may lie beyond a measured range at either end."""
MARGIN = 0.25
"""What is left free beyond those percentiles, as a share of their distance: the restored raster is sharper than LR, and
reaches farther. Of the gain of rrsnet-small-x4 on four worlds, 4 to 6 dB, a margin of 0.05 cost 0.4 to 0.85 dB."""
ALIKE = 1.5
"""Measured ranges of one type whose spans differ by less than this factor have one scale."""
CORE = 2
"""Percent of the values at either end that say nothing of a raster's scale: glints, clouds, saturated borders."""
FULL = 0.5
"""Floats that reach this and stay below 1 are taken to lie between 0 and 1."""
DECLARED = "as declared"
MEASURED = f"percentiles {TAIL:g} and {100 - TAIL:g} of the scene"


@dataclass(frozen=True)
class ValueRange:
    """The raw values that become 0 and 1."""

    low: float
    high: float
    reason: str

    @property
    def declared(self) -> bool:
        """Whether somebody asked for it."""
        return self.reason == DECLARED

    def unit(self, pixels: Array) -> npt.NDArray[np.float32]:
        """Raw values -> 0 at `low`, 1 at `high`; nothing is clipped."""
        low, high = np.float32(self.low), np.float32(self.high)
        unit: npt.NDArray[np.float32] = pixels.astype(np.float32)
        unit -= low
        unit /= high - low
        return unit

    def raw(self, unit: npt.NDArray[np.float32], dtype: str) -> Array:
        """Back to raw values of a type; integers are rounded, halves to even, and stay within their type."""
        values: Array = unit * np.float32(self.high - self.low)
        values += np.float32(self.low)
        return as_type(values, np.dtype(dtype))

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} ({self.reason})"


@dataclass(frozen=True)
class Samples:
    """Values of windows spread evenly over a raster, the same at every call."""

    values: Array
    """(n, bands) of the pixels that hold data."""
    zeros: float
    """Share of all pixels that hold data and are 0 in every band."""


def find_range(source: RasterSource, samples: Samples, declared: tuple[float, float] | None = None) -> ValueRange:
    """The declared range; else that of 8 bits; else the file's scale and offset; else percentiles of the scene.

    Floats whose samples fill most of 0 to 1 and leave nothing beyond have that range.
    """
    if declared is not None:
        low, high = declared
        if not (math.isfinite(low) and math.isfinite(high) and high > low):
            raise DataError(f"{source.name}: range [{low:g}, {high:g}] must rise")
        return ValueRange(low, high, DECLARED)
    if source.dtype == np.uint8:
        return ValueRange(0, 255, "8 bits")
    scales = {(source.all_bands[band - 1].scale, source.all_bands[band - 1].offset) for band in source.bands}
    if len(scales) == 1 and (only := scales.pop()) != (1.0, 0.0) and only[0] > 0:
        scale, offset = only
        return ValueRange(-offset / scale, (1 - offset) / scale, f"scale {scale:g} and offset {offset:g}")
    if not samples.values.size:
        raise DataError(f"{source.name}: no pixel holds data in any of its sampled parts; declare --range LOW HIGH")
    low, high = (float(limit) for limit in np.percentile(samples.values, (TAIL, 100 - TAIL)))
    if source.dtype.kind == "f" and samples.values.min() >= 0 and FULL <= samples.values.max() <= 1:
        return ValueRange(0, 1, "floats that fill 0 to 1")
    spare = MARGIN * (high - low)
    if not high > low:
        raise DataError(f"{source.name}: all values are {low:g}; declare --range LOW HIGH")
    return ValueRange(_short(low - spare), _short(high + spare), MEASURED)


def joint_range(ranges: Sequence[ValueRange], samples: Sequence[Samples]) -> ValueRange | None:
    """One range for LR, which comes first, and references of its type, so that one value means one brightness.

    None where the ranges are not measured, or neither they nor the cores of the values are alike. Where only the cores
    are, a few extreme values make the difference; the range is LR's own.
    """
    if len(ranges) < 2 or any(one.reason != MEASURED for one in ranges):
        return None
    if _alike([one.high - one.low for one in ranges]):
        low, high = min(one.low for one in ranges), max(one.high for one in ranges)
        return ValueRange(low, high, f"{MEASURED} and its references")
    cores = [np.percentile(one.values, (CORE, 100 - CORE)) for one in samples]
    if _alike([high - low for low, high in cores]) and max(low for low, _ in cores) < min(high for _, high in cores):
        return ValueRange(ranges[0].low, ranges[0].high, f"{MEASURED}, for its references too")
    return None


def _alike(spans: Sequence[float]) -> bool:
    return max(spans) <= ALIKE * min(spans)


def sampled(source: RasterSource) -> Samples:
    """Reads SAMPLES x SAMPLES windows of SIDE pixels; all of a raster that is as small as one."""
    found, zeros, pixels = [], 0, 0
    for window in spread_windows(source.height, source.width, SAMPLES, SIDE):
        raw, valid = source.read(window)
        found.append(raw[valid])
        zeros += int((found[-1] == 0).all(axis=1).sum())
        pixels += valid.size
    return Samples(np.concatenate(found), zeros / pixels)


@dataclass
class BeyondRange:
    """How many values of a scene lie beyond the range that they are read with."""

    range: ValueRange
    below: int = 0
    above: int = 0
    total: int = 0
    most: float = -math.inf
    least: float = math.inf

    def count(self, values: Array) -> None:
        """Counts values that hold data."""
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
