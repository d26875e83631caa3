"""Ref on a grid of its own: another coordinate system, pixel size, extent or orientation than HR's."""

from __future__ import annotations

import math

import numpy as np

from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.worlds.knobs import Knobs
from refsr.worlds.sensor import Floats
from refsr.worlds.view import Doubles, View

ZONES = 60
EDGE = 33
"""Points along each side of HR's ground that are taken to Ref's coordinate system."""


def reference_grid(knobs: Knobs, home: Geotransform) -> Grid:
    """The smallest grid, on Ref's axes and with its pixels, around HR's ground times `ref_extent`."""
    system = _system(knobs.ref_crs or "utm", home)
    middle, reach = knobs.size / 2, knobs.size / 2 * (knobs.ref_extent or 1.0)
    line = np.linspace(middle - reach, middle + reach, EDGE)
    ends = np.array([line[0], line[-1]])
    columns = np.concatenate([line, line, np.repeat(ends, EDGE)])
    rows = np.concatenate([np.repeat(ends, EDGE), line, line])
    x, y = _projected(home.crs, system, *home.point(columns, rows))
    side = _unit(home, system, middle) * (knobs.ref_pixel or 1.0)
    angle = math.radians(knobs.ref_grid_rotation or 0.0)
    cosine, sine = math.cos(angle), math.sin(angle)
    right, up = cosine * x + sine * y, cosine * y - sine * x
    # A tolerance, so that rounding of coordinates adds no column and no row.
    width, height = (math.ceil((span.max() - span.min()) / side - 1e-6) for span in (right, up))
    down = side if knobs.ref_south_up else -side
    left, first = right.min(), up.min() if knobs.ref_south_up else up.max()
    corner = cosine * left - sine * first, sine * left + cosine * first
    transform = (side * cosine, -down * sine, corner[0], side * sine, down * cosine, corner[1])
    return Grid(Geotransform(system, tuple(float(number) for number in transform)), height, width)


def sample_on(grid: Grid, ratio: float, home: Geotransform, view: View, light: Floats) -> Floats:
    """(canvas, canvas, C) linear light -> (height, width, C) on `grid`: cubic splines, averaged over each pixel.

    `view` is Ref's: what it adds to its georeference is what its header does not say. `ratio` is the size of the
    grid's pixels in HR's. Every point is projected by itself.
    """
    from scipy import ndimage

    points = max(1, math.ceil(2 * ratio)) if ratio > 1 else 1
    rows, columns = ((np.arange(count * points) + 0.5) / points for count in (grid.height, grid.width))
    x, y = grid.geotransform.point(columns[None, :], rows[:, None])
    east, north = _projected(grid.geotransform.crs, home.crs, x, y)
    column, row = home.pixel(east, north)
    where = np.moveaxis(view.to_canvas(np.stack([row - 0.5, column - 0.5], axis=-1)), -1, 0)
    result = np.empty((grid.height, grid.width, light.shape[2]), np.float32)
    for band in range(light.shape[2]):
        fine = ndimage.map_coordinates(light[:, :, band], where, output=np.float32, order=3, mode="mirror")
        result[:, :, band] = fine.reshape(grid.height, points, grid.width, points).mean(axis=(1, 3))
    # Splines overshoot at sharp edges, but light is never negative.
    return np.maximum(result, 0)


def _system(word: str, home: Geotransform) -> str:
    if word in ("utm", "next-utm"):
        number = int(str(home.crs).removeprefix("EPSG:"))
        hemisphere, zone = number // 100 * 100, number % 100
        return f"EPSG:{hemisphere + (zone if word == 'utm' else zone % ZONES + 1)}"
    return word


def _unit(home: Geotransform, system: str, middle: float) -> float:
    """The side, in units of a coordinate system, of a square as large as an HR pixel in the middle of HR."""
    columns, rows = np.array([middle, middle + 1, middle]), np.array([middle, middle, middle + 1])
    x, y = _projected(home.crs, system, *home.point(columns, rows))
    return math.sqrt(abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])))


def _projected(source: str | None, target: str | None, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    from rasterio.warp import transform

    if source == target:
        return x, y
    found = transform(source, target, x.ravel(), y.ravel())
    east, north = (np.asarray(line, np.float64).reshape(x.shape) for line in found[:2])
    return east, north
