"""Where rasters lie in degrees of longitude and latitude, and how much ground two of them share."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from shapely import affinity

from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import reprojected

DEGREES = "EPSG:4326"
POINTS = 4
"""Points along each side of a footprint."""
HALF = 180.0
CIRCLE = 360.0
DIGITS = 7
"""Decimals of degrees in footprints: a centimetre."""


def footprint_of(grid: Grid) -> Any:
    """The ground of a grid as a polygon; two where it crosses the meridian of 180 degrees, as GeoJSON has it."""
    steps = np.arange(POINTS) / POINTS
    zeros, ones = np.zeros(POINTS), np.ones(POINTS)
    columns = grid.width * np.concatenate([zeros, steps, ones, 1 - steps])
    rows = grid.height * np.concatenate([steps, ones, 1 - steps, zeros])
    x, y = grid.geotransform.point(columns, rows)
    middle = grid.geotransform.point(np.array([grid.width / 2]), np.array([grid.height / 2]))
    whole = Grid(Geotransform(DEGREES, (1.0, 0.0, -HALF, 0.0, -1.0, 90.0)), 180, 360)
    centre, _ = reprojected(grid.geotransform, whole, *middle)
    east, north = reprojected(grid.geotransform, whole, x, y)
    # Longitudes of one footprint are counted on one side.
    east = east + CIRCLE * np.round((centre[0] - east) / CIRCLE)
    if not (np.isfinite(east).all() and np.isfinite(north).all()):
        return None
    ring = np.round(np.stack([east, north], axis=1), DIGITS)
    return split_at_meridian(shapely.orient_polygons(shapely.Polygon(ring)))


def split_at_meridian(polygon: Any) -> Any:
    """A polygon whose longitudes may exceed 180 degrees, with all of it between -180 and 180."""
    left, _, right, _ = polygon.bounds
    if left >= -HALF and right <= HALF:
        return polygon
    parts = []
    for turn in (-CIRCLE, 0.0, CIRCLE):
        part = affinity.translate(polygon, turn).intersection(shapely.box(-HALF, -90, HALF, 90))
        if part.area > 0:
            parts.append(part)
    return shapely.union_all(parts)


def shared(scene: Any, other: Any) -> float:
    """The share of a scene's ground that another footprint covers, 0 to 1.

    Degrees of longitude are as wide as they are in the scene's middle.
    """
    return float(min(1.0, scene.intersection(other).area / scene.area)) if scene.area > 0 else 0.0
