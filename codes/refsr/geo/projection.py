"""Where the pixels of one grid lie in another: exact for one coordinate system, by a fixed lattice between two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Floats, Grid

LATTICE = 32
"""Pixels between points that are projected; those between them are interpolated. The lattice lies fixed on the target
grid, so that a window's coordinates do not depend on the window. Over 32 pixels of 10 m a projection bends by 2 mm."""
FULL_CIRCLE = 360.0
RING = 32
"""Points along each side of a raster's border where it is looked for on another."""
NO_AREA = 1e-3
"""Square pixels in common that rounding may make of two rasters that touch."""


class PixelMap:
    """Where the pixels under a window of a target grid lie in a source; whole numbers are centres of its pixels."""

    def __init__(self, target: Geotransform, window: Window, source: Grid) -> None:
        self._target, self._source = target, source.geotransform
        self._lattice: tuple[Floats, Floats] | None = None
        if one_system(target, source.geotransform):
            return
        spans = ((window.top, window.bottom), (window.left, window.right))
        first = [start // LATTICE for start, _ in spans]
        nodes = [np.arange(low, -(-stop // LATTICE) + 1) for low, (_, stop) in zip(first, spans, strict=True)]
        self._first = (LATTICE * first[0], LATTICE * first[1])
        x, y = target.point(*(LATTICE * node.astype(np.float64) for node in np.meshgrid(nodes[1], nodes[0])))
        across, down = source.geotransform.pixel(*reprojected(target, source, x, y))
        _check_continuous(source, across)
        self._lattice = across, down

    def under(self, window: Window) -> tuple[Floats, Floats]:
        """(height, width) twice: column and row of the centre of each pixel under a part of the window.

        Points that the source's coordinate system does not know are infinite.
        """
        rows, columns = (np.arange(count, dtype=np.float64) for count in (window.height, window.width))
        return self._at(window.top + 0.5 + rows, window.left + 0.5 + columns)

    def bounds(self, window: Window) -> tuple[Window, bool]:
        """The source's pixels in which all centres under a part of the window lie, and whether all are known.

        The window is empty where none is known.
        """
        spans = ((window.top, window.bottom), (window.left, window.right))
        # Between the lattice's lines coordinates are linear: none lies beyond those at the corners of its cells.
        rows, columns = (
            np.r_[start + 0.5, np.arange(start // LATTICE * LATTICE + LATTICE, stop, LATTICE), stop - 0.5]
            for start, stop in spans
        )
        across, down = self._at(rows, columns)
        known = np.isfinite(across) & np.isfinite(down)
        if not known.any():
            return Window(0, 0, 0, 0), False
        low = [int(np.floor(line[known].min())) for line in (down, across)]
        high = [int(np.ceil(line[known].max())) + 1 for line in (down, across)]
        return Window(low[0], low[1], high[0] - low[0], high[1] - low[1]), bool(known.all())

    def _at(self, rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
        if self._lattice is None:
            x, y = self._target.point(columns[None, :], rows[:, None])
            across, down = self._source.pixel(x, y)
            return across - 0.5, down - 0.5
        steps = ((rows - self._first[0]) / LATTICE, (columns - self._first[1]) / LATTICE)
        across, down = (_interpolated(nodes, *steps) for nodes in self._lattice)
        return across, down


def source_pixels(target: Geotransform, window: Window, source: Grid) -> tuple[Floats, Floats]:
    """(height, width) twice: column and row in `source` of the centre of each pixel under a window of the target grid.

    Whole numbers are centres of pixels. Points that the source's coordinate system does not know are infinite.
    """
    return PixelMap(target, window, source).under(window)


def reprojected(target: Geotransform, source: Grid, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points in the source's coordinate system; longitudes are counted on the side on which the source lies."""
    from rasterio.warp import transform

    systems = target.coordinate_system(), source.geotransform.coordinate_system()
    middle, _ = source.geotransform.point(source.width / 2, source.height / 2)
    if systems[0] == systems[1] and systems[1].is_geographic:
        # The whole scene is turned, so that it stays in one piece.
        corner, _ = target.point(0, 0)
        return x + FULL_CIRCLE * round((middle - corner) / FULL_CIRCLE), y
    found = transform(*systems, x.ravel(), y.ravel())
    east, north = (np.asarray(line, np.float64).reshape(x.shape) for line in found[:2])
    if systems[1].is_geographic:
        known = np.isfinite(east)
        east[known] += FULL_CIRCLE * np.round((middle - east[known]) / FULL_CIRCLE)
    return east, north


def outline_pixels(grid: Grid, other: Grid) -> tuple[Floats, Floats]:
    """Columns and rows in `other` of points along the border of `grid`; infinite where its CRS does not reach."""
    x, y = grid.outline()
    if not one_system(grid.geotransform, other.geotransform):
        x, y = reprojected(grid.geotransform, other, x, y)
    return other.geotransform.pixel(x, y)


def may_meet(grid: Grid, other: Grid) -> bool:
    """Whether the border of one grid, seen in the other, reaches into a box around it: false where they lie apart."""
    columns, rows = outline_pixels(grid, other)
    known = np.isfinite(columns) & np.isfinite(rows)
    if not known.any():
        return False
    spans = ((columns[known], other.width), (rows[known], other.height))
    return all(line.max() > 0 and line.min() < length for line, length in spans)


def pixel_ratios(target: Grid, source: Grid) -> tuple[float, float]:
    """The source's columns and rows along the side of one of the target's pixels, in the middle of what both cover."""
    columns, rows = outline_pixels(source, target)
    known = np.isfinite(columns) & np.isfinite(rows)
    if not known.any():
        return 1.0, 1.0
    middle = [
        int(np.clip(line[known].mean(), 0, length - 1))
        for line, length in ((rows, target.height), (columns, target.width))
    ]
    lines = source_pixels(target.geotransform, Window(middle[0], middle[1], 2, 2), source)
    sides = [float(np.hypot(line[0, 1] - line[0, 0], line[1, 0] - line[0, 0])) for line in lines]
    return (sides[0], sides[1]) if np.isfinite(sides).all() and min(sides) > 0 else (1.0, 1.0)


def check_overlap(scene: Grid, references: Sequence[tuple[str, Grid]]) -> None:
    """A DataError with both extents where no reference shares ground with the scene."""
    apart = [f"{name}: {grid.extent()}" for name, grid in references if not shared_ground(scene, grid)]
    if apart and len(apart) == len(references):
        raise DataError(f"no reference shares ground with LR ({scene.extent()}); " + "; ".join(apart))


def shared_ground(scene: Grid, other: Grid) -> float:
    """The share of the scene's ground that another grid covers, 0 to 1; 0 where they only touch."""
    for one, two in ((scene, other), (other, scene)):
        ring = _ring_in(one, two)
        if np.isfinite(ring).all():
            common = _common_area(ring, two.width, two.height)
            whole = _area(ring) if one is scene else scene.height * scene.width
            return min(1.0, common / whole) if common > NO_AREA else 0.0
    return 1.0


def _ring_in(one: Grid, other: Grid) -> Floats:
    """(n, 2): column and row in `other` of points around a grid, in order."""
    steps = np.arange(RING) / RING
    zeros, ones = np.zeros(RING), np.ones(RING)
    columns = one.width * np.concatenate([steps, ones, 1 - steps, zeros])
    rows = one.height * np.concatenate([zeros, steps, ones, 1 - steps])
    x, y = one.geotransform.point(columns, rows)
    if not one_system(one.geotransform, other.geotransform):
        x, y = reprojected(one.geotransform, other, x, y)
    return np.stack(other.geotransform.pixel(x, y), axis=1)


def _common_area(ring: Floats, width: float, height: float) -> float:
    """The area that a polygon (n, 2) has in common with (0, 0) to (width, height): cut at each side in turn."""
    for axis, sign, limit in ((0, -1.0, 0.0), (0, 1.0, width), (1, -1.0, 0.0), (1, 1.0, height)):
        beyond = sign * (ring[:, axis] - limit)
        following, after = np.roll(ring, -1, axis=0), np.roll(beyond, -1)
        kept: list[Floats] = []
        for here, there, out, out_there in zip(ring, following, beyond, after, strict=True):
            if out <= 0:
                kept.append(here)
            if (out < 0) != (out_there < 0) and out != out_there:
                kept.append(here + (there - here) * (out / (out - out_there)))
        if len(kept) < 3:
            return 0.0
        ring = np.array(kept)
    return _area(ring)


def _area(ring: Floats) -> float:
    # Away from the origin products of large coordinates would leave nothing of the digits.
    x, y = (ring - ring[0]).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def one_system(one: Geotransform, other: Geotransform) -> bool:
    """Whether coordinates of both mean the same, two grids without a system included.

    Longitudes that are counted from other sides, such as 181 and -179, do not.
    """
    if not (one.crs == other.crs or one.same_crs(other)):
        return False
    (here, _), (there, _) = one.point(0, 0), other.point(0, 0)
    # Systems in degrees alone have such numbers; looking it up takes longer.
    turned = FULL_CIRCLE / 2 < abs(here - there) <= 2 * FULL_CIRCLE and max(abs(here), abs(there)) <= 2 * FULL_CIRCLE
    return not (turned and one.crs is not None and one.coordinate_system().is_geographic)


def _interpolated(nodes: Floats, rows: Floats, columns: Floats) -> Floats:
    """Values at rows and columns counted in the lattice's steps, linearly between the nodes, less half a pixel.

    Both rise. Half a pixel and the way along rows come first, so that each pixel costs two products and a sum.
    """
    top = int(rows[0])
    nodes, rows = nodes[top : int(rows[-1]) + 2] - 0.5, rows - top
    known = bool(np.isfinite(nodes).all())
    for axis, line in ((1, columns), (0, rows)):
        start = np.floor(line).astype(np.intp)
        part = (line - start).reshape((1, -1) if axis == 1 else (-1, 1))
        with np.errstate(invalid="ignore"):
            before, after = nodes.take(start, axis), nodes.take(start + 1, axis)
            before *= 1 - part
            after *= part
            nodes = np.add(before, after, out=before)
    return nodes if known else np.where(np.isfinite(nodes), nodes, np.inf)


def _check_continuous(source: Grid, columns: Floats) -> None:
    """Refuses a target that crosses the line where the source's longitudes jump by a full circle, or a pole."""
    if not source.geotransform.coordinate_system().is_geographic:
        return
    a, b, _, d, e, _ = source.geotransform.transform
    circle = FULL_CIRCLE / max(np.hypot(a, d), np.hypot(b, e))
    with np.errstate(invalid="ignore"):
        jumps = [np.abs(np.diff(columns, axis=axis)) > circle / 4 for axis in (0, 1)]
    if any(jump.any() for jump in jumps):
        raise DataError(
            "the scene crosses a pole, or the meridian opposite to the raster in degrees; "
            "bring that raster to the scene's CRS first: gdalwarp -t_srs CRS IN OUT"
        )
