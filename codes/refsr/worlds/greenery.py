"""Trees, hedges, woods, orchards, parks, meadows and fields."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from refsr.core.seeding import numpy_generator
from refsr.worlds.canvas import Canvas, Rows, Tint
from refsr.worlds.frame import Points, Rect, blob, densify, strip

Generator = np.random.Generator

CROPS = ("crop_green", "crop_young", "crop_ripe", "stubble", "bare_soil", "grass_green", "grass_dry", "wet_soil")
CROP_ODDS = (0.23, 0.14, 0.2, 0.12, 0.13, 0.1, 0.05, 0.03)

# Fine pixels across; larger trees are rare and would only fill the cache.
LARGEST_CROWN = 72


def vary(generator: Generator, strength: float = 0.1, hue: float = 0.04) -> Tint:
    """A factor a colour: brighter or darker as a whole, a little redder or bluer."""
    level = float(np.exp(generator.normal(0, strength)))
    red, blue = generator.normal(0, hue, 2)
    return level * float(np.exp(red)), level, level * float(np.exp(blue))


@lru_cache(maxsize=4096)
def crown(diameter: int, conifer: bool, variant: int, quarters: int) -> npt.NDArray[np.float32]:
    """The height of a crown above the ground in shares of its tallest point, (diameter, diameter); 0 outside."""
    if quarters:
        return np.ascontiguousarray(np.rot90(crown(diameter, conifer, variant, 0), quarters))
    generator = numpy_generator(0, "crown", diameter, int(conifer), variant)
    at = (np.arange(diameter) + 0.5) / diameter * 2 - 1
    y, x = np.meshgrid(at, at, indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    outline = np.ones_like(radius)
    for k in range(2, 9):
        outline += 0.13 / np.sqrt(k) * generator.normal() * np.cos(k * angle + generator.uniform(0, 6.28))
    inside = radius / np.clip(outline * 0.88, 0.4, 1.0)
    body = 1 - 0.75 * inside if conifer else np.sqrt(np.clip(1 - inside**2, 0, None)) * 0.55 + 0.45
    for _ in range(max(4, diameter // 2)):
        # Branches: small bumps of their own, which catch the light one by one.
        cx, cy = generator.uniform(-0.8, 0.8, 2)
        body += 0.10 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.025) * generator.uniform(0.3, 1)
    leaves = generator.normal(0, 0.035, body.shape)
    return np.where(inside < 1, np.clip(body + leaves, 0.12, None), 0).astype(np.float32)


def tree(
    canvas: Canvas, generator: Generator, at: Points | tuple[float, float], size: float, kind: str = "tree_broadleaf"
) -> None:
    """One tree of `size` metres across at a plan point."""
    pixels = max(4, round(size / canvas.frame.fine))
    conifer = kind == "tree_conifer"
    variant, quarters = (int(draw) for draw in generator.integers((6, 4)))
    shape = crown(min(pixels, LARGEST_CROWN), conifer, variant, quarters)
    height = size * float(generator.uniform(1.1, 1.7) if conifer else generator.uniform(0.75, 1.15))
    if kind == "shrub":
        height = size * 0.6
    number = canvas.add_object(kind, vary(generator, 0.2, 0.07))
    canvas.stamp(canvas.frame.spot(float(at[0]), float(at[1])), shape * np.float32(height), number)


def scattered(generator: Generator, rect: Rect, distance: float) -> Points:
    """Points about `distance` apart, irregular but never in heaps."""
    columns, rows = (max(1, int(side / distance)) for side in (rect.width, rect.height))
    u, v = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    points = np.stack([rect.u0 + u.ravel() * rect.width, rect.v0 + v.ravel() * rect.height], 1)
    points += generator.uniform(-0.48, 0.48, points.shape) * distance
    return generator.permutation(points)


def wood(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """A stand of trees over undergrowth, one kind leading."""
    canvas.paint(rect.outline(), "shrub", vary(generator, 0.1))
    conifers = generator.random() < 0.35
    mix = generator.uniform(0.02, 0.25)
    size = generator.uniform(4.0, 7.0) if conifers else generator.uniform(5.5, 9.5)
    for point in scattered(generator, rect.inset(1.0), size * 0.68):
        kind = "tree_conifer" if (generator.random() < mix) != conifers else "tree_broadleaf"
        tree(canvas, generator, point, size * float(generator.uniform(0.55, 1.3)), kind)


def clearing(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """A felled stand: rough ground, brash, young growth, a few trees left."""
    canvas.paint(rect.outline(), "grass_dry", vary(generator, 0.1))
    for _ in range(int(rect.area / 180)):
        centre = (generator.uniform(rect.u0, rect.u1), generator.uniform(rect.v0, rect.v1))
        material = str(generator.choice(["bare_soil", "grass_green", "grass_dry", "shrub"]))
        canvas.paint(
            blob(generator, centre, float(generator.uniform(1.5, 7)), float(generator.uniform(1.5, 7)), 0.35),
            material,
            vary(generator, 0.15),
        )
    for point in scattered(generator, rect, 16):
        if generator.random() < 0.4:
            tree(
                canvas,
                generator,
                point,
                float(generator.uniform(1.5, 6)),
                "shrub" if generator.random() < 0.6 else "tree_broadleaf",
            )


def meadow(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """Grass in patches, some trees and bushes."""
    canvas.paint(
        rect.outline(), str(generator.choice(["grass_green", "grass_dry"], p=(0.7, 0.3))), vary(generator, 0.1)
    )
    for _ in range(int(generator.integers(2, 7))):
        centre = (generator.uniform(rect.u0, rect.u1), generator.uniform(rect.v0, rect.v1))
        canvas.paint(
            _within(blob(generator, centre, *generator.uniform(4, 16, 2)), rect),
            str(generator.choice(["grass_green", "grass_dry"])),
            vary(generator, 0.08),
        )
    for point in scattered(generator, rect.inset(3), 22):
        if generator.random() < 0.3:
            tree(canvas, generator, point, float(generator.uniform(2, 8)))


def field(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A parcel, or a few side by side; `generator` gives its shape, `state` the crops of the date."""
    parts = int(generator.integers(1, 4))
    along_u = rect.width > rect.height
    length, depth = rect.sides(along_u)
    cuts = np.sort(np.concatenate([[0, 1], (np.arange(1, parts) + generator.uniform(-0.2, 0.2, parts - 1)) / parts]))
    heading = 0.0 if along_u else np.pi / 2
    for a, b in pairwise(cuts):
        part = rect.part(along_u, a * length, 0, b * length, depth)
        _parcel(canvas, state, part, heading + np.pi / 2)
    if generator.random() < 0.35:
        hedge(canvas, generator, rect)


def _parcel(canvas: Canvas, state: Generator, rect: Rect, heading: float) -> None:
    crop = str(state.choice(CROPS, p=CROP_ODDS))
    _, turn = canvas.frame.local(rect.centre)
    spacing = float(state.choice([0.75, 1.0, 1.5, 3.0]))
    rows = Rows(
        turn + heading, spacing / canvas.frame.fine, float(state.uniform(0.05, 0.24)), float(state.uniform(0, 6))
    )
    canvas.paint(rect.outline(), "grass_green", vary(state, 0.08))
    inner = rect.inset(0.7)
    canvas.paint(inner.outline(), crop, vary(state, 0.10, 0.05), rows)
    # Patches where it grows otherwise, along the rows.
    for _ in range(int(state.integers(0, 5))):
        centre = (state.uniform(inner.u0, inner.u1), state.uniform(inner.v0, inner.v1))
        patch = _within(blob(state, centre, *state.uniform(4, 15, 2)), inner)
        canvas.paint(patch, crop, vary(state, 0.13, 0.05), rows)
    # Tramlines: two wheel tracks every working width.
    if crop != "wet_soil" and state.random() < 0.75:
        width, at = float(state.uniform(14, 24)), float(state.uniform(4, 10))
        across = abs(np.cos(heading)) > 0.5
        last = inner.v1 if across else inner.u1
        position = (inner.v0 if across else inner.u0) + at
        soil = vary(state, 0.1)
        while position < last - 2:
            for side in (-0.9, 0.9):
                lines = (
                    [(inner.u0, position + side), (inner.u1, position + side)]
                    if across
                    else [(position + side, inner.v0), (position + side, inner.v1)]
                )
                canvas.paint(strip(densify(np.array(lines), 6.0, closed=False), 0.16), "bare_soil", soil)
            position += width


def _within(points: Points, rect: Rect) -> Points:
    return np.clip(points, (rect.u0, rect.v0), (rect.u1, rect.v1))


def hedge(canvas: Canvas, generator: Generator, rect: Rect, width: float = 2.2, sides: int = 4) -> None:
    """Bushes and small trees along some sides of a rectangle."""
    corners = rect.corners()
    for side in range(sides):
        if generator.random() < 0.5:
            continue
        a, b = corners[side], corners[(side + 1) % 4]
        for point in densify(np.array([a, b]), width * 0.62, closed=False):
            if generator.random() < 0.93:
                size = width * float(generator.uniform(0.7, 1.35))
                if generator.random() < 0.05:
                    size *= 2.5
                tree(
                    canvas,
                    generator,
                    point + generator.normal(0, 0.25, 2),
                    size,
                    "shrub" if size < 4 else "tree_broadleaf",
                )


def orchard(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """Trees in rows over mown grass."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    gap, step, size = generator.uniform(4.2, 6.0), generator.uniform(2.4, 4.2), generator.uniform(2.0, 3.6)
    for u in np.arange(rect.u0 + 3, rect.u1 - 2, gap):
        canvas.paint(
            strip(densify(np.array([(u, rect.v0 + 2), (u, rect.v1 - 2)]), 6.0, closed=False), 0.6),
            "grass_dry",
            vary(generator, 0.05),
        )
        for v in np.arange(rect.v0 + 3, rect.v1 - 2, step):
            if generator.random() < 0.96:
                tree(canvas, generator, (u + generator.normal(0, 0.12), v), size * float(generator.uniform(0.8, 1.15)))


def park(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """Lawn, winding paths, beds, groups of trees."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    for _ in range(2):
        ends = np.array(
            [(rect.u0, generator.uniform(rect.v0, rect.v1)), (rect.u1, generator.uniform(rect.v0, rect.v1))]
        )
        line = densify(ends, 2.0, closed=False)
        line[:, 1] += np.sin(np.linspace(0, generator.uniform(4, 9), len(line))) * rect.height * 0.12
        canvas.paint(strip(_within(line, rect.inset(0.5)), 1.1), "gravel", vary(generator, 0.06))
    for _ in range(3):
        centre = (generator.uniform(rect.u0 + 5, rect.u1 - 5), generator.uniform(rect.v0 + 5, rect.v1 - 5))
        canvas.paint(_within(blob(generator, centre, 3, 2), rect), "shrub", vary(generator, 0.15), height=0.8)
    for point in scattered(generator, rect.inset(2), 9):
        if generator.random() < 0.55:
            tree(canvas, generator, point, float(generator.uniform(3, 9.5)))


def trees_where_free(canvas: Canvas, generator: Generator, rect: Rect, distance: float, odds: float) -> None:
    """Trees about `distance` apart, but not on roofs or cars."""
    for point in scattered(generator, rect.inset(1.5), distance):
        column, row = (int(c) for c in canvas.frame.spot(point[0], point[1]))
        if not (0 <= row < canvas.size and 0 <= column < canvas.size) or generator.random() > odds:
            continue
        if int(canvas.objects[row, column]) not in canvas.roofs and canvas.lift[row, column] < 0.5:
            tree(canvas, generator, point, float(generator.uniform(3, 8)))
