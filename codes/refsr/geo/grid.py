"""A raster's pixels on the ground: a geotransform and a size, and how two of them lie to each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.geo.geotransform import Geotransform

Floats = npt.NDArray[np.float64]

EARTH = 6_371_008.8
"""Mean radius in metres, for the size of a degree."""
TRUE_TO_SCALE = 0.01
"""How far metres of a projection may differ from those of the ground, as a share, and count as these."""
EDGE_POINTS = 21
"""Points along each side of a grid whose outline is taken to another coordinate system."""


@dataclass(frozen=True)
class Grid:
    """A raster's pixels on the ground."""

    geotransform: Geotransform
    height: int
    width: int

    @property
    def window(self) -> Window:
        """All of its pixels."""
        return Window(0, 0, self.height, self.width)

    def finer(self, factor: float) -> Grid:
        """The same ground in pixels a `factor`-th as large; the size is rounded."""
        return Grid(self.geotransform.finer(factor), round(self.height * factor), round(self.width * factor))

    @property
    def pixel_metres(self) -> float:
        """The side of a pixel in the middle of the grid, the root of its area, in metres; NaN without a CRS.

        Metres of a projection that are not those of the ground are brought to these: at 48 degrees north a metre of
        EPSG:3857 is 0.67 m.
        """
        if self.geotransform.crs is None:
            return math.nan
        from rasterio.crs import CRS
        from rasterio.warp import transform

        middle = np.array([self.width / 2, self.width / 2 + 1, self.width / 2])
        rows = np.array([self.height / 2, self.height / 2, self.height / 2 + 1])
        x, y = self.geotransform.point(middle, rows)
        east, north = transform(self.geotransform.coordinate_system(), CRS.from_epsg(4326), x, y)[:2]
        (across, first), (along, second) = (
            (math.remainder(east[at] - east[0], 360) * math.cos(math.radians(north[0])), north[at] - north[0])
            for at in (1, 2)
        )
        ground = math.sqrt(abs(across * second - first * along)) * math.radians(EARTH)
        system = self.geotransform.coordinate_system()
        if system.is_geographic:
            return ground
        a, b, _, d, e, _ = self.geotransform.transform
        nominal = math.sqrt(abs(a * e - b * d)) * float(system.linear_units_factor[1])
        return nominal if abs(ground / nominal - 1) < TRUE_TO_SCALE else ground

    def outline(self) -> tuple[Floats, Floats]:
        """x and y of points along its border."""
        steps = np.linspace(0, 1, EDGE_POINTS)
        zeros, ones = np.zeros(EDGE_POINTS), np.ones(EDGE_POINTS)
        columns = self.width * np.concatenate([steps, steps, zeros, ones])
        rows = self.height * np.concatenate([zeros, ones, steps, steps])
        x, y = self.geotransform.point(columns, rows)
        return x, y

    def apart(self, other: Grid) -> float:
        """How far the corners of two grids lie apart, in this one's pixels; infinite for other CRS or sizes."""
        if (self.height, self.width) != (other.height, other.width):
            return math.inf
        mine, theirs = self.geotransform, other.geotransform
        if not mine.same_crs(theirs) and mine.crs != theirs.crs:
            return math.inf
        columns = np.array([0.0, self.width, 0.0, self.width])
        rows = np.array([0.0, 0.0, self.height, self.height])
        found, down = mine.pixel(*theirs.point(columns, rows))
        return float(np.hypot(found - columns, down - rows).max())

    def __str__(self) -> str:
        system = self.geotransform.crs
        name = "no CRS" if system is None else _short_name(self.geotransform)
        size = self.pixel_metres
        return name if math.isnan(size) else f"{name}, {_metres(size)}"

    def extent(self) -> str:
        """Its bounds for messages: `x 500000 to 500480, y 4649760 to 4650240 (EPSG:32612)`."""
        return described_extent(self.geotransform, *self.outline())


def described_extent(geotransform: Geotransform, x: Floats, y: Floats) -> str:
    """The bounds of points in a coordinate system, for messages."""
    digits = 5 if geotransform.crs is not None and geotransform.coordinate_system().is_geographic else 0
    spans = (f"{name} {line.min():.{digits}f} to {line.max():.{digits}f}" for name, line in (("x", x), ("y", y)))
    return f"{', '.join(spans)} ({'no CRS' if geotransform.crs is None else _short_name(geotransform)})"


def _short_name(geotransform: Geotransform) -> str:
    """EPSG:NUMBER where the system has one, else the name that its WKT gives."""
    known = geotransform.coordinate_system()
    code = known.to_epsg()
    if code is not None:
        return f"EPSG:{code}"
    text = str(known.to_wkt())
    return text.split('"')[1] if '"' in text else text[:40]


def _metres(size: float) -> str:
    return f"{size:.2f} m" if size < 10 else f"{size:.1f} m" if size < 100 else f"{size:.0f} m"
