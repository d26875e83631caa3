"""Which part of LR is restored: a box, an area of interest, or all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from refsr.core.errors import DataError, UsageError
from refsr.core.window import Window
from refsr.geo.area_of_interest import AreaOfInterest, OutOfReachError
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Grid

NEAR = 1e-6
"""Pixels: ends as near as this to whole ones are whole."""
DEGREES = "EPSG:4326"


@dataclass(frozen=True)
class Scope:
    """A part of LR: the window of whole pixels that holds it, and the area, if any, outside of which all is empty."""

    window: Window
    area: AreaOfInterest | None = None


def bounding_box(box: Sequence[float], crs: str | None, grid: Grid) -> AreaOfInterest:
    """LEFT BOTTOM RIGHT TOP as a rectangle, in LR's coordinate system unless `crs` names another."""
    left, bottom, right, top = box
    name = f"bbox {' '.join(f'{value:.12g}' for value in box)}"
    if not all(math.isfinite(value) for value in box):
        raise UsageError(f"{name}: expected four numbers, LEFT BOTTOM RIGHT TOP")
    if crs is not None:
        Geotransform(crs, IDENTITY).coordinate_system()
    if left >= right or bottom >= top:
        order = "left is not below right" if left >= right else "bottom is not below top"
        raise UsageError(f"{name}: {order}; the order is LEFT BOTTOM RIGHT TOP, x before y")
    return AreaOfInterest.rectangle(name, crs or grid.geotransform.crs, box)


def find_scope(grid: Grid, box: AreaOfInterest | None, area: AreaOfInterest | None) -> Scope:
    """The pixels of LR that both share with it; a DataError with the extents where there are none."""
    window = grid.window
    for part in (box, area):
        if part is not None:
            touched = _shared(part, grid, window)
            if touched is None:
                raise DataError(_apart(part, grid, box if part is area else None))
            window = touched
    return Scope(window, area)


def _shared(area: AreaOfInterest, grid: Grid, window: Window) -> Window | None:
    """The pixels under a window of a grid that the bounds of an area touch; None where it touches none."""
    try:
        left, top, right, bottom = area.on(grid).bounds()
    except OutOfReachError:
        return None
    first_row, first_column = math.floor(top + NEAR), math.floor(left + NEAR)
    height, width = math.ceil(bottom - NEAR) - first_row, math.ceil(right - NEAR) - first_column
    touched = Window(first_row, first_column, height, width).common(window)
    return None if touched.empty else touched


def _apart(area: AreaOfInterest, grid: Grid, box: AreaOfInterest | None) -> str:
    """Says that there is no common ground, with the extents and what may be the reason."""
    beside = f"{area.name}: {area.extent()} shares no ground with LR ({grid.extent()})"
    if box is not None and _shared(area, grid, grid.window) is not None:
        return f"{area.name}: {area.extent()} shares no ground with LR inside {box.name} ({box.extent()})"
    if _shared(area.swapped(), grid, grid.window) is not None:
        return f"{beside}; with x and y swapped it does: longitude (x) comes before latitude (y)"
    in_degrees = AreaOfInterest(area.name, DEGREES, area.polygons)
    for other, order in ((in_degrees, ""), (in_degrees.swapped(), ", with longitude before latitude")):
        if None not in (area.crs, grid.geotransform.crs) and _shared(other, grid, grid.window) is not None:
            return f"{beside}; in degrees it does: name their CRS, {DEGREES}{order}"
    return beside
