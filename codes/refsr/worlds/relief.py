"""Heights on the fine grid, shadows they cast, and what an oblique view sees of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from refsr.worlds.canvas import Canvas, Roof
from refsr.worlds.geometry import SunPosition, ViewingGeometry, direction

Grid = npt.NDArray[np.float32]


def heights(canvas: Canvas) -> Grid:
    """Metres of every fine pixel's surface above the ground."""
    height = canvas.lift.copy()
    if canvas.roofs:
        table = np.zeros((len(canvas.material), 9), np.float32)
        covered = np.zeros(len(canvas.material), bool)
        for number, roof in canvas.roofs.items():
            table[number] = _row(roof)
            covered[number] = True
        at = np.flatnonzero(covered[canvas.objects.ravel()])
        of = table[canvas.objects.ravel()[at]]
        rows, columns = np.divmod(at, canvas.size)
        height.ravel()[at] = _roof_height(of, rows.astype(np.float32), columns.astype(np.float32))
    return height


def _row(roof: Roof) -> tuple[float, ...]:
    cosine, sine = float(np.cos(roof.angle)), float(np.sin(roof.angle))
    return (*roof.centre, cosine, sine, roof.half_u, roof.half_v, roof.eaves, roof.rise, float(roof.shape))


def _roof_height(of: Grid, rows: Grid, columns: Grid) -> Grid:
    x, y = columns + 0.5 - of[:, 0], rows + 0.5 - of[:, 1]
    u, v = np.abs(x * of[:, 2] + y * of[:, 3]), np.abs(y * of[:, 2] - x * of[:, 3])
    from_side = of[:, 5] - v
    inner = np.where(of[:, 8] == 2, np.minimum(from_side, of[:, 4] - u), from_side)
    height: Grid = of[:, 6] + of[:, 7] * np.clip(inner / np.maximum(of[:, 5], 1e-3), 0, 1)
    return height


def sunlight(height: Grid, sun: SunPosition, fine: float) -> Grid:
    """Share of the sun's disc that each fine pixel sees: 0 in a cast shadow, 1 in the sun."""
    down, across = direction(sun.azimuth)
    rise = float(np.tan(np.radians(sun.elevation)))
    highest = np.full_like(height, -1e3)
    step = 2
    count = int(float(height.max()) / rise / fine / step) + 1
    for k in range(1, count + 1):
        shift = (round(k * step * down), round(k * step * across))
        here, there = _overlap(shift, height.shape[0])
        np.maximum(highest[here], height[there] - np.float32(k * step * fine * rise), out=highest[here])
    lit: Grid = np.clip(1 - (highest - height) / np.float32(0.3), 0, 1)
    return lit


def _overlap(shift: tuple[int, int], size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the pixels that stay on the grid when moved by `shift`, and of where they then lie."""
    here, there = [], []
    for s in shift:
        here.append(slice(max(0, -s), min(size, size - s)))
        there.append(slice(max(0, s), min(size, size + s)))
    return (here[0], here[1]), (there[0], there[1])


class VisibleSurface(NamedTuple):
    """What each fine pixel of an oblique view shows."""

    source: npt.NDArray[np.intp]
    """Flat index of the surface's foot on the fine grid, (size, size)."""
    height: Grid
    wall: npt.NDArray[np.bool_]
    """The side of something rather than its top."""


def visible_surface(height: Grid, viewing: ViewingGeometry, fine: float) -> VisibleSurface:
    """The first surface that each line of sight meets."""
    size = height.shape[0]
    source = np.arange(size * size, dtype=np.intp).reshape(size, size)
    seen = height.copy()
    wall = np.zeros((size, size), bool)
    slope = float(np.tan(np.radians(viewing.off_nadir)))
    if slope < 1e-4:
        return VisibleSurface(source, seen, wall)
    down, across = direction(viewing.azimuth)
    source = source.copy()
    plain = np.arange(size * size, dtype=np.intp).reshape(size, size)
    for k in range(1, round(float(height.max()) * slope / fine) + 1):
        # What stands at p - k * direction is seen at p if its height leans it by k pixels, to the nearest.
        least, most = (np.float32((k + half) * fine / slope) for half in (-0.5, 0.5))
        here, there = _overlap((-round(k * down), -round(k * across)), size)
        standing = height[there]
        meets = standing >= least
        source[here][meets] = plain[there][meets]
        seen[here][meets] = np.minimum(standing, most)[meets]
        wall[here][meets] = (standing >= most)[meets]
    return VisibleSurface(source, seen, wall)
