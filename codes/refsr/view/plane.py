"""The plane on which all layers of the viewer lie: its pixels, and its tiles in the square that the map shows.

The plane is the grid of the finest layer, in pixels from its upper left corner, x to the right and y down. A layer of
another resolution, rotation or coordinate system is warped onto it, so that rasters lie on each other exactly and
images without a georeference are shown the same way. The map's square world is 16 times the plane's side; the plane
begins in its middle. At the zoom `levels + ROOM` a pixel of a tile is a pixel of the plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError, UsageError
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.raster_source import gdal_errors

TILE = 256
ROOM = 4
"""Zoom levels by which the world is larger than the plane."""
MOST_LEVELS = 16

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TileWindow:
    """What a tile shows of the plane: its corner, and how many pixels of the plane one of its own spans."""

    left: float
    top: float
    step: float


@dataclass(frozen=True)
class Plane:
    """A grid whose pixels all layers are placed on; without a coordinate system it is an image's own pixels."""

    grid: Grid

    @property
    def levels(self) -> int:
        """How often the plane halves until it fits a tile."""
        return max(0, math.ceil(math.log2(max(self.grid.height, self.grid.width) / TILE)))

    @property
    def native(self) -> int:
        """The zoom at which a tile's pixels are the plane's."""
        return self.levels + ROOM

    @property
    def origin(self) -> int:
        """Pixels of the plane from the world's upper left corner to the plane's, along both axes."""
        return TILE << (self.native - 1)

    def tile(self, zoom: int, column: int, row: int) -> TileWindow:
        """The window of a tile; a UsageError where the world has no such tile."""
        if not (0 <= zoom <= self.native and 0 <= column < 1 << zoom and 0 <= row < 1 << zoom):
            raise UsageError(f"tile {zoom}/{column}/{row}: the map has zooms 0 to {self.native}")
        step = 1 << (self.native - zoom)
        return TileWindow(column * TILE * step - self.origin, row * TILE * step - self.origin, step)

    def grid_of(self, window: TileWindow) -> Geotransform:
        """Where the pixels of a tile lie, as a geotransform."""
        place = self.grid.geotransform
        a, b, _, d, e, _ = place.transform
        x, y = place.point(window.left, window.top)
        step = window.step
        return Geotransform(place.crs, (a * step, b * step, x, d * step, e * step, y))


@dataclass(frozen=True)
class Placement:
    """Where a layer's pixels lie on the plane."""

    plane: Geotransform
    layer: Geotransform

    @property
    def warped(self) -> bool:
        """Whether the layer has another coordinate system than the plane."""
        return None not in (self.plane.crs, self.layer.crs) and not self.plane.same_crs(self.layer)

    def to_plane(self, columns: Any, rows: Any) -> tuple[Floats, Floats]:
        """Points of the layer, in its pixels, on the plane."""
        x, y = self.layer.point(np.asarray(columns, np.float64), np.asarray(rows, np.float64))
        if self.warped:
            x, y = _transformed(self.layer, self.plane, x, y)
        return self.plane.pixel(x, y)

    def to_layer(self, x: Any, y: Any) -> tuple[Floats, Floats]:
        """Points of the plane in the layer's pixels: columns and rows."""
        east, north = self.plane.point(np.asarray(x, np.float64), np.asarray(y, np.float64))
        if self.warped:
            east, north = _transformed(self.plane, self.layer, east, north)
        return self.layer.pixel(east, north)

    def outline(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a layer of that size on the plane."""
        columns, rows = Grid(Geotransform(None, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), height, width).outline()
        x, y = self.to_plane(columns, rows)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise DataError("its coordinate system does not reach to where the other layers lie")
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    def finer(self, factor: int, column: int = 0, row: int = 0) -> Placement:
        """That of the layer's pixels from a corner of its own on, each divided by `factor`."""
        return Placement(self.plane, self.layer.moved(column, row).finer(factor))


def corner_to_corner(size: tuple[int, int], on: Grid) -> Geotransform:
    """The geotransform that lays an image (height, width) on a grid, corner on corner."""
    a, b, c, d, e, f = on.geotransform.transform
    down, across = on.height / size[0], on.width / size[1]
    return Geotransform(on.geotransform.crs, (a * across, b * down, c, d * across, e * down, f))


@lru_cache(maxsize=1)
def flat_system() -> Any:
    """The coordinate system of planes that have none: metres on a flat ground."""
    from rasterio.crs import CRS

    return CRS.from_wkt('LOCAL_CS["pixels",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]')


def system_of(place: Geotransform) -> Any:
    """rasterio's CRS of a geotransform, flat where it names none."""
    return flat_system() if place.crs is None else place.coordinate_system()


def _transformed(source: Geotransform, target: Geotransform, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points in another coordinate system; NaN where it does not reach to them."""
    from rasterio.warp import transform

    shape = x.shape
    try:
        found = transform(source.coordinate_system(), target.coordinate_system(), x.ravel(), y.ravel())[:2]
    except gdal_errors():
        return np.full(shape, np.nan), np.full(shape, np.nan)
    east, north = (np.asarray(values, np.float64).reshape(shape) for values in found)
    return east, north
