"""A raster as seen on another grid: windows of it, each pixel interpolated once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.geo.area_means import area_means
from refsr.geo.grid import Floats, Grid
from refsr.geo.projection import pixel_ratios, source_pixels
from refsr.geo.validity import Array, Mask, filled

Pixels = npt.NDArray[np.float32]
Displacement = npt.NDArray[Any]
Resampling = Literal["cubic", "area"]

ON_GRID = 1e-3
"""Pixels: coordinates as near as this to whole ones are whole, so that equal grids give equal pixels."""
REACH = 2
"""Pixels that cubic interpolation sees on either side of a point."""
FINEST = 2.0
"""Pixels of the source along one of the grid's that are left to the low-pass; means of blocks take what is beyond."""
PLANES = 4
"""Bands that OpenCV takes at once."""


class PixelSource(Protocol):
    """Pixels on a grid, read a window at a time: a raster, or what is read as one."""

    @property
    def grid(self) -> Grid | None: ...

    @property
    def bands(self) -> Sequence[int]: ...

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def read(self, window: Window) -> tuple[Array, Mask]:
        """(height, width, bands) of a window inside, and (height, width) where it holds data."""

    def close(self) -> None: ...


class WarpedRaster:
    """`source` on the pixels of `grid`: cubic between its pixels, after a low-pass where they are finer.

    The low-pass is means of whole blocks of the source's pixels, then a stretched cubic for what is left of the ratio.
    Both lie fixed on the source, so that neighbouring windows agree. With `area`, values are means over the grid's
    pixel, or linear where the source's pixels are larger: never beyond the values that they are made of.
    `displacement` (h, w, 2), spread over the whole grid, says by how many of its pixels, right and down, what belongs
    to a pixel lies elsewhere.
    """

    def __init__(
        self,
        source: PixelSource,
        grid: Grid,
        displacement: Displacement | None = None,
        resampling: Resampling = "cubic",
    ) -> None:
        assert source.grid is not None
        self.source, self.grid, self.displacement = source, grid, displacement
        self.source_grid: Grid = source.grid
        across, down = pixel_ratios(grid, source.grid)
        self.ratio = math.sqrt(across * down)
        """The source's pixels along the side of one of the grid's."""
        self.sides = max(1.0, across), max(1.0, down)
        self.resampling = resampling
        self.block = 1 if resampling == "area" else max(1, math.floor(self.ratio / FINEST + ON_GRID))
        left = self.ratio / self.block
        self._kernel = _low_pass(left) if resampling == "cubic" and left > 1 + 2 * ON_GRID else None

    def read(self, window: Window) -> tuple[Pixels, Mask]:
        """(height, width, bands) raw values under a window of the grid, and (height, width) where there are any."""
        columns, rows = self._coordinates(window)
        height, width = -(-self.source.height // self.block), -(-self.source.width // self.block)
        covered = (columns >= -0.5) & (columns <= width - 0.5) & (rows >= -0.5) & (rows <= height - 0.5)
        if not covered.any():
            return np.zeros((window.height, window.width, len(self.source.bands)), np.float32), covered
        reach = 2 * REACH + (math.ceil(max(self.sides)) if self._kernel is None else len(self._kernel) // 2)
        low = [math.floor(line[covered].min()) - reach for line in (rows, columns)]
        high = [math.ceil(line[covered].max()) + reach + 1 for line in (rows, columns)]
        part = Window(low[0], low[1], high[0] - low[0], high[1] - low[1]).common(Window(0, 0, height, width))
        pixels, valid = self._reduced(part)
        if not valid.any():
            return np.zeros((window.height, window.width, pixels.shape[2]), np.float32), np.zeros_like(covered)
        columns, rows = columns - part.left, rows - part.top
        if self.resampling == "area":
            found, kept = area_means(pixels, valid, *_inside(columns, rows, pixels), self.sides)
        else:
            found, kept = _sampled(pixels, valid, columns, rows)
        return found, kept & covered

    def _coordinates(self, window: Window) -> tuple[Floats, Floats]:
        """Column and row of each of the window's pixels among the reduced pixels of the source."""
        columns, rows = source_pixels(self.grid.geotransform, window, self.source_grid)
        if self.displacement is not None:
            columns, rows = self._displaced(window, columns, rows)
        if self.block > 1:
            columns, rows = ((line + 0.5) / self.block - 0.5 for line in (columns, rows))
        for line in (columns, rows):
            with np.errstate(invalid="ignore"):
                whole = np.rint(line)
                near = np.abs(line - whole) < ON_GRID
            line[near] = whole[near]
        return columns, rows

    def _displaced(self, window: Window, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Coordinates moved by the displacement of each pixel, which is taken through the local slope of the map."""
        moved = _field_under(self.displacement, window, self.grid)
        right, down = moved[:, :, 0], moved[:, :, 1]
        larger = Window(window.top, window.left, window.height + 1, window.width + 1)
        lines = source_pixels(self.grid.geotransform, larger, self.source_grid)
        found = []
        for line, wider in zip((columns, rows), lines, strict=True):
            with np.errstate(invalid="ignore"):
                across, along = wider[:-1, 1:] - wider[:-1, :-1], wider[1:, :-1] - wider[:-1, :-1]
                found.append(line + right * across + down * along)
        return found[0], found[1]

    def _reduced(self, part: Window) -> tuple[Pixels, Mask]:
        """The source under a window of blocks: means of what holds data, then the low-pass."""
        raw, valid = self.source.read(
            part.times(self.block).common(Window(0, 0, self.source.height, self.source.width))
        )
        pixels = raw.astype(np.float32)
        if self.block > 1:
            pixels, valid = _block_means(pixels, valid, self.block)
        pixels = filled(pixels, valid)
        return (pixels if self._kernel is None else _blurred(pixels, self._kernel)), valid


def _sampled(pixels: Pixels, valid: Mask, columns: Floats, rows: Floats) -> tuple[Pixels, Mask]:
    """Cubic values at coordinates of the array, and where the four pixels next to them hold data."""
    import cv2

    x, y = (line.astype(np.float32) for line in _inside(columns, rows, pixels))
    edge = cv2.BORDER_REPLICATE
    if _whole(x) and _whole(y):
        bands = [cv2.remap(pixels[:, :, at : at + PLANES], x, y, cv2.INTER_NEAREST, borderMode=edge)
                 for at in range(0, pixels.shape[2], PLANES)]  # fmt: skip
    else:
        bands = [cv2.remap(pixels[:, :, at : at + PLANES], x, y, cv2.INTER_CUBIC, borderMode=edge)
                 for at in range(0, pixels.shape[2], PLANES)]  # fmt: skip
    found = np.concatenate([band.reshape(*x.shape, -1) for band in bands], axis=2)
    if valid.all():
        return found, np.ones(x.shape, bool)
    share = cv2.remap(valid.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=edge)
    return found, share > 1 - ON_GRID


def _inside(columns: Floats, rows: Floats, pixels: Pixels) -> tuple[Floats, Floats]:
    """Coordinates without numbers that no array can have."""
    limits = (-2.0 * REACH, max(pixels.shape) + 2.0 * REACH)
    with np.errstate(invalid="ignore"):
        x, y = (np.nan_to_num(np.clip(line, *limits), nan=limits[0]) for line in (columns, rows))
    return x, y


def _whole(line: npt.NDArray[np.float32]) -> bool:
    return bool((line == np.rint(line)).all())


def _block_means(pixels: Pixels, valid: Mask, block: int) -> tuple[Pixels, Mask]:
    """Means over squares of `block` pixels of those that hold data; a square holds data where half of it does."""
    height, width, bands = pixels.shape
    down, across = -(-height // block), -(-width // block)
    pad = ((0, down * block - height), (0, across * block - width))
    counted = np.pad(valid, pad).reshape(down, block, across, block).sum((1, 3), dtype=np.float32)
    inside = np.pad(np.ones((height, width), bool), pad).reshape(down, block, across, block).sum((1, 3))
    held = np.where(valid[:, :, None], pixels, 0)
    sums = np.pad(held, (*pad, (0, 0))).reshape(down, block, across, block, bands).sum((1, 3), dtype=np.float32)
    means: Pixels = sums / np.maximum(counted, np.float32(1))[:, :, None]
    return means, 2 * counted >= inside


def _low_pass(ratio: float) -> npt.NDArray[np.float32]:
    """Taps of the cubic kernel (a = -0.5) stretched by `ratio`: what bicubic resizing with antialiasing takes."""
    reach = math.ceil(REACH * ratio) - 1
    distance = np.abs(np.arange(-reach, reach + 1)) / ratio
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    return np.asarray(taps / taps.sum(), np.float32)


def _blurred(pixels: Pixels, kernel: npt.NDArray[np.float32]) -> Pixels:
    import cv2

    blurred = cv2.sepFilter2D(pixels, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(pixels.shape)


def _field_under(displacement: Displacement | None, window: Window, grid: Grid) -> Floats:
    """The field (height, width, 2) under a window, linear between its nodes, which are spread evenly over the grid."""
    assert displacement is not None
    parts = []
    for first, count, length, nodes in (
        (window.top, window.height, grid.height, displacement.shape[0]),
        (window.left, window.width, grid.width, displacement.shape[1]),
    ):
        line = np.clip((first + 0.5 + np.arange(count)) * nodes / length - 0.5, 0, nodes - 1)
        start = np.minimum(np.floor(line).astype(np.intp), max(0, nodes - 2))
        parts.append((start, np.minimum(start + 1, nodes - 1), line - start))
    (top, bottom, down), (left, right, across) = parts
    across, down = across[None, :, None], down[:, None, None]
    upper = displacement[top][:, left] * (1 - across) + displacement[top][:, right] * across
    lower = displacement[bottom][:, left] * (1 - across) + displacement[bottom][:, right] * across
    field: Floats = upper * (1 - down) + lower * down
    return field
