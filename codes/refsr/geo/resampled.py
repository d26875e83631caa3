"""A raster at another pixel size, from the same corner: bicubic, low-passed where the pixels become larger."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import UsageError
from refsr.core.window import Window
from refsr.geo.grid import Grid
from refsr.geo.rounding import as_type
from refsr.geo.validity import Array, Mask, filled
from refsr.ops.resize import KERNELS

ReadBands = Callable[[Window], tuple[Array, Mask]]
"""Bands (h, w, C) under a window and where each holds data (h, w, C)."""
SAME = 1e-6
"""Ratios as near as this to 1 change nothing."""


@dataclass(frozen=True)
class Resolution:
    """The pixel size that a restored raster gets after the network."""

    grid: Grid
    ratio: float
    """The network's pixels along the side of one of the grid's."""

    def __str__(self) -> str:
        return f"resampled by 1/{self.ratio:.4g} after the network, to {self.grid}"


def find_resolution(metres: float, coarse: Grid, fine: Grid) -> Resolution | None:
    """The grid of pixels of so many metres at the scene's centre; None where the network's are of that size.

    Pixels keep the shape of LR's, so that those in degrees keep their ratio; the size in metres is the root of a
    pixel's area. What lies outside LR's size and the network's is refused.
    """
    largest, smallest = coarse.pixel_metres, fine.pixel_metres
    if not (math.isfinite(metres) and metres > 0):
        raise UsageError(f"resolution {metres:g}: expected metres above 0")
    if math.isnan(smallest):
        raise UsageError(f"resolution {metres:g}: LR names no coordinate system, so its pixels have no size in metres")
    if not smallest * (1 - SAME) <= metres <= largest * (1 + SAME):
        what = "would be interpolated only" if metres < smallest else "LR has that without a network"
        raise UsageError(
            f"resolution {metres:g} m: {what}; expected something between the {smallest:.4g} m that the network makes "
            f"and LR's {largest:.4g} m"
        )
    ratio = metres / smallest
    if abs(ratio - 1) < SAME:
        return None
    size = [max(1, math.floor(length / ratio + 0.5 - SAME)) for length in (fine.height, fine.width)]
    return Resolution(Grid(fine.geotransform.coarser(ratio), size[0], size[1]), ratio)


class Resampled:
    """Bands of a raster `size` (height, width), reduced by `ratio`, by windows that agree.

    Holes are filled from around before; a pixel is a hole again where its centre lies in one.
    """

    def __init__(self, read: ReadBands, size: tuple[int, int], ratio: float) -> None:
        self._read, self._size, self._ratio = read, size, ratio

    def read(self, window: Window) -> tuple[Array, Mask]:
        """Bands (h, w, C) under a window of the coarser grid, and where each holds data (h, w, C)."""
        (rows, down), (columns, across) = (
            _taps(start, count, self._ratio, length)
            for start, count, length in zip(window[:2], window[2:], self._size, strict=True)
        )
        reach = rows.shape[1] // 2
        whole = Window(0, 0, *self._size)
        top, left = int(rows.min()), int(columns.min())
        seen = Window(top, left, int(rows.max()) + 1 - top, int(columns.max()) + 1 - left)
        around = seen.grown(reach).common(whole)
        pixels, valid = self._read(around)
        inner = seen.within(around)
        nearest = [
            np.clip(np.floor((start + 0.5 + np.arange(count)) * self._ratio).astype(np.intp), 0, length - 1) - first
            for start, count, length, first in zip(
                window[:2], window[2:], self._size, (around.top, around.left), strict=True
            )
        ]
        made = []
        for band in range(pixels.shape[2]):
            plane = filled(pixels[:, :, band : band + 1], valid[:, :, band])[inner][:, :, 0].astype(np.float64)
            plane[~np.isfinite(plane)] = 0
            made.append(
                as_type(_gathered(_gathered(plane, rows - top, down, 0), columns - left, across, 1), pixels.dtype)
            )
        return np.stack(made, axis=2), valid[np.ix_(*nearest)]


def _taps(start: int, count: int, ratio: float, length: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Pixels (count, P) that outputs from `start` on are made of, cut at the border, and their weights, of sum one."""
    function, support = KERNELS["bicubic"]
    reach = math.ceil(support / 2 * ratio) + 1
    centres = (start + 0.5 + np.arange(count)) * ratio - 0.5
    positions = np.floor(centres).astype(np.intp)[:, None] + np.arange(-reach, reach + 1)
    weights = function((positions - centres[:, None]) / ratio)
    return np.clip(positions, 0, length - 1), weights / weights.sum(axis=1, keepdims=True)


def _gathered(plane: npt.NDArray[np.float64], positions: Any, weights: Any, axis: int) -> npt.NDArray[np.float64]:
    """Sums of rows (axis 0) or columns with weights, tap by tap, so that a window's sums are those of the whole."""
    shape = (-1, 1) if axis == 0 else (1, -1)
    total: npt.NDArray[np.float64] | None = None
    for tap in range(positions.shape[1]):
        part = plane.take(positions[:, tap], axis) * weights[:, tap].reshape(shape)
        total = part if total is None else total + part
    assert total is not None
    return total
