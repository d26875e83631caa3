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
from refsr.geo.projection import PixelMap, pixel_ratios
from refsr.geo.validity import Array, Mask, filled

Pixels = npt.NDArray[np.float32]
Displacement = npt.NDArray[Any]
Resampling = Literal["cubic", "area"]

FRACTIONS = 512
"""Coordinates for cubic values are rounded to this part of the source's pixels. So equal grids give equal pixels, and
float32 holds coordinates exactly whatever the window's corner is, so that windows agree."""
ON_GRID = 1e-3
"""Coordinates for means, ratios of pixels and shares of data as near as this to whole ones are whole."""
STRIP = 32
"""Rows whose coordinates are computed at once: they fit the processor's cache."""
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

    The low-pass is means of whole blocks of the source's pixels, then a stretched cubic for what is left of the ratio,
    across and down each by its own ratio, as degrees need it. Both lie fixed on the source, so that windows agree. With
    `area`, values are means over the grid's pixel, or linear where the source's pixels are larger: never beyond the
    values that they are made of. `displacement` (h, w, 2), spread over the whole grid, says by how many of its pixels,
    right and down, what belongs to a pixel lies elsewhere.
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
        self.sides = max(1.0, across), max(1.0, down)
        """The source's columns and rows along the side of one of the grid's pixels."""
        self.resampling = resampling
        blocks = [1 if resampling == "area" else max(1, math.floor(side / FINEST + ON_GRID)) for side in self.sides]
        self.block = blocks[0], blocks[1]
        """The source's columns and rows that become one by a mean."""
        kernels = [_low_pass(side / block) for side, block in zip(self.sides, self.block, strict=True)]
        self._kernels = kernels if resampling == "cubic" and max(map(len, kernels)) > 1 else None

    def read(self, window: Window) -> tuple[Pixels, Mask]:
        """(height, width, bands) raw values under a window of the grid, and (height, width) where there are any."""
        shape = window.height, window.width
        reduced = Window(0, 0, -(-self.source.height // self.block[1]), -(-self.source.width // self.block[0]))
        pixel_map, seen, inside = self._map(window, reduced)
        part = seen.common(reduced)
        if part.empty:
            return np.zeros((*shape, len(self.source.bands)), np.float32), np.zeros(shape, bool)
        pixels, valid = self._reduced(part)
        found, kept = np.zeros((*shape, pixels.shape[2]), np.float32), np.zeros(shape, bool)
        if not valid.any():
            return found, kept
        whole = inside and bool(valid.all())
        for top in range(0, window.height, STRIP):
            rows = slice(top, min(top + STRIP, window.height))
            strip = Window(window.top + rows.start, window.left, rows.stop - rows.start, window.width)
            x, y = self._coordinates(pixel_map, strip)
            covered = True if inside else _covered(x, y, reduced)
            x -= part.left
            y -= part.top
            if not inside:
                x, y = _within(x, y, pixels)
            found[rows], held = self._resampled(pixels, valid, whole, x, y)
            kept[rows] = held & covered
        return found, kept

    def _map(self, window: Window, reduced: Window) -> tuple[PixelMap, Window, bool]:
        """Where the source's pixels are, those that are needed for a window, and whether it is all inside them."""
        moved = 0
        if self.displacement is not None and self.displacement.size:
            moved = math.ceil(float(np.abs(field_under(self.displacement, window, self.grid)).max())) + 1
        around = window.grown(moved)
        pixel_map = PixelMap(self.grid.geotransform, around, self.source_grid)
        bounds, known = pixel_map.bounds(around)
        across, down = self.block
        top, left = bounds.top // down, bounds.left // across
        seen = Window(top, left, -(-bounds.bottom // down) - top, -(-bounds.right // across) - left)
        inside = known and seen.common(reduced) == seen
        if bounds.empty:
            return pixel_map, bounds, False
        widest = math.ceil(max(self.sides)) if self._kernels is None else max(map(len, self._kernels)) // 2
        reach = 2 * REACH + widest
        return pixel_map, seen.grown(reach), inside

    def _resampled(
        self, pixels: Pixels, valid: Mask, whole: bool, columns: Floats, rows: Floats
    ) -> tuple[Pixels, Mask | bool]:
        if self.resampling == "area":
            return area_means(pixels, valid, columns, rows, self.sides)
        return _sampled(pixels, None if whole else valid, columns, rows)

    def _coordinates(self, pixel_map: PixelMap, window: Window) -> tuple[Floats, Floats]:
        """Column and row of each of the window's pixels among the reduced pixels of the source."""
        columns, rows = pixel_map.under(window)
        if self.displacement is not None:
            columns, rows = self._displaced(pixel_map, window, columns, rows)
        for line, block in zip((columns, rows), self.block, strict=True):
            if block > 1:
                line += 0.5
                line /= block
                line -= 0.5
            if self.resampling == "area":
                with np.errstate(invalid="ignore"):
                    whole = np.rint(line)
                    near = np.abs(line - whole) < ON_GRID
                line[near] = whole[near]
            else:
                line *= FRACTIONS
                np.rint(line, out=line)
                line /= FRACTIONS
        return columns, rows

    def _displaced(self, pixel_map: PixelMap, window: Window, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Coordinates moved by the displacement of each pixel, which is taken through the local slope of the map."""
        assert self.displacement is not None
        moved = field_under(self.displacement, window, self.grid)
        right, down = moved[:, :, 0], moved[:, :, 1]
        lines = pixel_map.under(Window(window.top, window.left, window.height + 1, window.width + 1))
        found = []
        for line, wider in zip((columns, rows), lines, strict=True):
            with np.errstate(invalid="ignore"):
                across, along = wider[:-1, 1:] - wider[:-1, :-1], wider[1:, :-1] - wider[:-1, :-1]
                found.append(line + right * across + down * along)
        return found[0], found[1]

    def _reduced(self, part: Window) -> tuple[Pixels, Mask]:
        """The source under a window of blocks: means of what holds data, then the low-pass."""
        across, down = self.block
        blocks = Window(part.top * down, part.left * across, part.height * down, part.width * across)
        raw, valid = self.source.read(blocks.common(Window(0, 0, self.source.height, self.source.width)))
        pixels = raw.astype(np.float32)
        if max(self.block) > 1:
            pixels, valid = _block_means(pixels, valid, self.block)
        pixels = filled(pixels, valid)
        return (pixels if self._kernels is None else _blurred(pixels, *self._kernels)), valid


def _covered(columns: Floats, rows: Floats, source: Window) -> Mask:
    """Which coordinates lie on the source."""
    across = (columns >= -0.5) & (columns <= source.width - 0.5)
    covered: Mask = across & (rows >= -0.5) & (rows <= source.height - 0.5)
    return covered


def _sampled(pixels: Pixels, valid: Mask | None, columns: Floats, rows: Floats) -> tuple[Pixels, Mask | bool]:
    """Cubic values at coordinates of the array, and where the four pixels next to them hold data (None: all do)."""
    import cv2

    x, y = columns.astype(np.float32), rows.astype(np.float32)
    kind = cv2.INTER_NEAREST if _whole(x) and _whole(y) else cv2.INTER_CUBIC
    bands = [
        cv2.remap(pixels[:, :, at : at + PLANES], x, y, kind, borderMode=cv2.BORDER_REPLICATE).reshape(*x.shape, -1)
        for at in range(0, pixels.shape[2], PLANES)
    ]
    found: Pixels = np.concatenate(bands, axis=2) if len(bands) > 1 else np.asarray(bands[0], np.float32)
    if valid is None:
        return found, True
    share = cv2.remap(valid.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found, share > 1 - ON_GRID


def _within(columns: Floats, rows: Floats, pixels: Pixels) -> tuple[Floats, Floats]:
    """Coordinates without numbers that no array can have."""
    limits = (-2.0 * REACH, max(pixels.shape) + 2.0 * REACH)
    with np.errstate(invalid="ignore"):
        x, y = (np.nan_to_num(np.clip(line, *limits), nan=limits[0]) for line in (columns, rows))
    return x, y


def _whole(line: npt.NDArray[np.float32]) -> bool:
    return bool((line == np.rint(line)).all())


def _block_means(pixels: Pixels, valid: Mask, block: tuple[int, int]) -> tuple[Pixels, Mask]:
    """Means over blocks of columns and rows of the pixels that hold data; a block holds data where half of it does."""
    height, width, bands = pixels.shape
    columns, rows = block
    down, across = -(-height // rows), -(-width // columns)
    pad = ((0, down * rows - height), (0, across * columns - width))
    counted = np.pad(valid, pad).reshape(down, rows, across, columns).sum((1, 3), dtype=np.float32)
    inside = np.pad(np.ones((height, width), bool), pad).reshape(down, rows, across, columns).sum((1, 3))
    held = np.where(valid[:, :, None], pixels, 0)
    sums = np.pad(held, (*pad, (0, 0))).reshape(down, rows, across, columns, bands).sum((1, 3), dtype=np.float32)
    means: Pixels = sums / np.maximum(counted, np.float32(1))[:, :, None]
    return means, 2 * counted >= inside


def _low_pass(ratio: float) -> npt.NDArray[np.float32]:
    """Taps of the cubic kernel (a = -0.5) stretched by `ratio`: what bicubic resizing with antialiasing takes.

    One tap where there is nothing to leave out.
    """
    if ratio <= 1 + 2 * ON_GRID:
        return np.ones(1, np.float32)
    reach = math.ceil(REACH * ratio) - 1
    distance = np.abs(np.arange(-reach, reach + 1)) / ratio
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    return np.asarray(taps / taps.sum(), np.float32)


def _blurred(pixels: Pixels, across: npt.NDArray[np.float32], down: npt.NDArray[np.float32]) -> Pixels:
    import cv2

    blurred = cv2.sepFilter2D(pixels, cv2.CV_32F, across, down, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(pixels.shape)


def field_under(field: npt.NDArray[Any], window: Window, grid: Grid) -> Floats:
    """A field (rows, columns, C) under a window, linear between its nodes, which are spread evenly over the grid."""
    parts = []
    for first, count, length, nodes in (
        (window.top, window.height, grid.height, field.shape[0]),
        (window.left, window.width, grid.width, field.shape[1]),
    ):
        line = np.clip((first + 0.5 + np.arange(count)) * nodes / length - 0.5, 0, nodes - 1)
        start = np.minimum(np.floor(line).astype(np.intp), max(0, nodes - 2))
        parts.append((start, np.minimum(start + 1, nodes - 1), line - start))
    (top, bottom, down), (left, right, across) = parts
    across, down = across[None, :, None], down[:, None, None]
    upper = field[top][:, left] * (1 - across) + field[top][:, right] * across
    lower = field[bottom][:, left] * (1 - across) + field[bottom][:, right] * across
    found: Floats = upper * (1 - down) + lower * down
    return found
