"""Ground control points by hand: pixels of a raster without a grid, and where they lie on the ground."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.core.foreign_files import read_text
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Floats

COLUMNS = ("column", "row", "x", "y")
"""The heading of a file; pixels count from the outer corner of the first one."""
FEWEST = 3
"""Points that determine an affine map."""
THINNEST = 0.02
"""Least ratio of the points' extent across to that along: below, they lie on a line."""
LARGEST_RESIDUAL = 0.02
"""Of the points' extent: the root mean square of the residuals from which on the points do not belong together."""
OUTLIER = 5.0
"""Times the residual of the other points that one may have; only from FEWEST_FOR_OUTLIER points on."""
FEWEST_FOR_OUTLIER = 5
CRS_COMMENT = re.compile(r"^#\s*(?:crs\s*[:=]?\s*)?(\S.*)$", re.IGNORECASE)


@dataclass(frozen=True)
class ControlPoints:
    """Pixels (n, 2) as column and row, ground (n, 2) as x and y, and the coordinate system, if the file names one."""

    name: str
    pixels: Floats
    ground: Floats
    crs: str | None


@dataclass(frozen=True)
class FittedGrid:
    """The affine map nearest to control points, and how far these lie from it, in pixels."""

    geotransform: Geotransform
    residuals: Floats

    def __str__(self) -> str:
        rms = math.sqrt(float((self.residuals**2).mean()))
        worst = int(self.residuals.argmax())
        exact = ", as many as an affine map needs: nothing checks them" if len(self.residuals) == FEWEST else ""
        return (
            f"affine map by {len(self.residuals)} control points{exact}; residuals {rms:.2f} pixels (RMS), "
            f"the largest {self.residuals[worst]:.2f} at point {worst + 1}"
        )


def read_control_points(path: str | Path) -> ControlPoints:
    """A CSV file with the columns column, row, x and y; a comment such as `# EPSG:32612` names the CRS."""
    lines = read_text(Path(path)).splitlines()
    crs = None
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            crs = crs or _named_crs(line.strip())
        elif line.strip():
            rows.append((number, line))
    if not rows:
        raise DataError(f"{path}: is empty; expected a heading {','.join(COLUMNS)} and a line a point")
    heading = [word.strip().lower() for word in next(csv.reader([rows[0][1]]))]
    for name in COLUMNS:
        if name not in heading:
            has = f"has no column {name!r} (it has {', '.join(heading)})"
            raise DataError(f"{path}: {has}; expected the heading {','.join(COLUMNS)}")
    places = [heading.index(name) for name in COLUMNS]
    values = np.array([_numbers(str(path), number, line, places) for number, line in rows[1:]], np.float64)
    values = values.reshape(-1, len(COLUMNS))
    return ControlPoints(str(path), values[:, :2], values[:, 2:], crs)


def fit_grid(points: ControlPoints, crs: str | None) -> FittedGrid:
    """The affine map by least squares; `crs` counts before the file's own. A DataError where points determine none."""
    count = len(points.pixels)
    if count < FEWEST:
        raise DataError(f"{points.name}: {count} control points; an affine map needs {FEWEST}, and more to be checked")
    for what, cloud in (("pixels", points.pixels), ("places on the ground", points.ground)):
        if _thinness(cloud) < THINNEST:
            raise DataError(f"{points.name}: the {what} of the control points lie on a line; add some beside it")
    system = crs or points.crs
    if system is not None:
        Geotransform(system, IDENTITY).coordinate_system()
    geotransform = _fitted(points.pixels, points.ground, system)
    residuals = _residuals(geotransform, points)
    _check_outlier(points, residuals, system)
    extent = float(np.ptp(points.pixels, axis=0).max())
    rms = math.sqrt(float((residuals**2).mean()))
    if rms > LARGEST_RESIDUAL * extent:
        raise DataError(
            f"{points.name}: the control points do not fit an affine map: residuals {rms:.1f} pixels (RMS) over "
            f"{extent:.0f}; {_listed(residuals)}"
        )
    return FittedGrid(geotransform, residuals)


def _fitted(pixels: Floats, ground: Floats, crs: str | None) -> Geotransform:
    """Least squares about the points' means, which keeps large coordinates exact."""
    middle, origin = pixels.mean(0), ground.mean(0)
    matrix = np.linalg.lstsq(pixels - middle, ground - origin, rcond=None)[0].T
    corner = origin - matrix @ middle
    (a, b), (d, e) = matrix.tolist()
    return Geotransform(crs, (a, b, float(corner[0]), d, e, float(corner[1])))


def _residuals(geotransform: Geotransform, points: ControlPoints) -> Floats:
    """How far each point lies from where the map has it, in pixels."""
    columns, rows = geotransform.pixel(points.ground[:, 0], points.ground[:, 1])
    found: Floats = np.hypot(columns - points.pixels[:, 0], rows - points.pixels[:, 1])
    return found


def _check_outlier(points: ControlPoints, residuals: Floats, crs: str | None) -> None:
    """A DataError where the points agree but for one, as a mistyped one does not."""
    if len(residuals) < FEWEST_FOR_OUTLIER:
        return
    best: tuple[float, float, int] | None = None
    for index in range(len(residuals)):
        kept = np.arange(len(residuals)) != index
        pixels, ground = points.pixels[kept], points.ground[kept]
        if _thinness(pixels) < THINNEST or _thinness(ground) < THINNEST:
            continue
        fitted = _fitted(pixels, ground, crs)
        every = _residuals(fitted, points)
        free = max(1, len(pixels) - FEWEST)
        spread = math.sqrt(float((every[kept] ** 2).sum()) / free)
        if best is None or spread < best[0]:
            best = spread, float(every[index]), index
    if best is not None and best[1] > OUTLIER * max(1.0, best[0]):
        raise DataError(
            f"{points.name}: point {best[2] + 1} does not fit the others: it lies {best[1]:.0f} pixels off, and they "
            f"{best[0]:.1f} or less on average; correct it or leave it out"
        )


def _thinness(cloud: Floats) -> float:
    """The extent of points across over that along: 0 on a line."""
    spread = np.linalg.svd(cloud - cloud.mean(0), compute_uv=False)
    return float(spread[-1] / spread[0]) if spread[0] > 0 else 0.0


def _listed(residuals: Floats) -> str:
    shown = [f"point {index + 1}: {residuals[index]:.1f}" for index in np.argsort(residuals)[::-1][:4]]
    return ", ".join(shown)


def _numbers(name: str, number: int, line: str, places: list[int]) -> list[float]:
    words = next(csv.reader([line]))
    try:
        found = [float(words[place]) for place in places]
    except (ValueError, IndexError) as error:
        raise DataError(f"{name}: line {number}: expected numbers for {', '.join(COLUMNS)}, found {line!r}") from error
    if not all(math.isfinite(value) for value in found):
        raise DataError(f"{name}: line {number}: has a number that is not finite")
    return found


def _named_crs(comment: str) -> str | None:
    """The coordinate system that a comment names; None where it says something else."""
    found = CRS_COMMENT.match(comment)
    if found is None:
        return None
    try:
        Geotransform(found[1], IDENTITY).coordinate_system()
    except DataError:
        return None
    return found[1]
