"""Where squares of pixels lie on the Earth, in longitude and latitude, and chips as GeoJSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.geo.grid import EARTH, Floats, Grid
from refsr.geo.projection import FULL_CIRCLE

LONGITUDE_LATITUDE = "EPSG:4326"
ALONG = 4
"""Stretches along a side between the points that are taken to longitude and latitude."""
DIGITS = 8
"""Decimals of degrees in files: a millimetre."""


def ground_points(grid: Grid, columns: npt.NDArray[Any], rows: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Longitudes and latitudes of points of a grid, the longitudes in one piece across the antimeridian."""
    from rasterio.warp import transform

    x, y = grid.geotransform.point(np.asarray(columns, np.float64), np.asarray(rows, np.float64))
    found = transform(grid.geotransform.coordinate_system(), LONGITUDE_LATITUDE, x.ravel(), y.ravel())
    longitudes, latitudes = (np.asarray(line, np.float64).reshape(x.shape) for line in found[:2])
    if not (np.isfinite(longitudes).all() and np.isfinite(latitudes).all()):
        raise DataError(f"{grid}: lies partly where longitude and latitude are not known")
    longitudes -= FULL_CIRCLE * np.round((longitudes - longitudes.flat[0]) / FULL_CIRCLE)
    return longitudes, latitudes


def outlines(grid: Grid, top: int, lefts: npt.NDArray[np.intp], side: int) -> tuple[Floats, Floats]:
    """(chips, points) longitudes and latitudes around squares of pixels in one row, from the upper left corner on."""
    steps = np.arange(ALONG) / ALONG * side
    zeros, ends = np.zeros(ALONG), np.full(ALONG, float(side))
    columns = np.concatenate([steps, ends, side - steps, zeros])
    rows = np.concatenate([zeros, steps, ends, side - steps])
    return ground_points(grid, lefts[:, None] + columns[None, :], np.repeat(top + rows[None, :], len(lefts), 0))


def side_metres(grid: Grid, pixels: int) -> float:
    """Metres on the ground along the side of a square of pixels in the middle of a grid."""
    left, top = grid.width / 2, grid.height / 2
    longitudes, latitudes = ground_points(grid, np.array([left, left + pixels]), np.array([top, top]))
    shrink = math.cos(math.radians(float(latitudes.mean())))
    east, north = math.radians(longitudes[1] - longitudes[0]) * shrink, math.radians(latitudes[1] - latitudes[0])
    return EARTH * math.hypot(east, north)


def polygon(longitudes: Floats, latitudes: Floats) -> list[list[float]]:
    """A closed ring from an outline, counter-clockwise as GeoJSON has it."""
    area = (longitudes * np.roll(latitudes, -1) - np.roll(longitudes, -1) * latitudes).sum()
    order = np.arange(len(longitudes)) if area > 0 else np.arange(len(longitudes))[::-1]
    ring = [[round(float(longitudes[at]), DIGITS), round(float(latitudes[at]), DIGITS)] for at in order]
    return [*ring, ring[0]]


def geojson(chips: Iterable[tuple[list[list[float]], Mapping[str, Any]]]) -> str:
    """Polygons with properties, a feature a line."""
    features = [
        json.dumps(
            {"type": "Feature", "properties": dict(about), "geometry": {"type": "Polygon", "coordinates": [ring]}},
            ensure_ascii=False,
        )
        for ring, about in chips
    ]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n"
