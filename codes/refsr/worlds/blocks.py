"""What a block holds, by its use. Ground first, things on it after; cars and crops come from the date."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refsr.worlds.buildings import FLAT, HIP, building, hall, house
from refsr.worlds.canvas import Canvas
from refsr.worlds.frame import Rect, blob, densify, ellipse, strip
from refsr.worlds.greenery import clearing, field, hedge, meadow, orchard, park, scattered, tree, vary, wood
from refsr.worlds.sports import sports
from refsr.worlds.traffic import car, carpark

Generator = np.random.Generator
Filler = Callable[[Canvas, Generator, Rect, Generator], None]


def houses(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Family houses on lots that face the longer streets."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    along_u = rect.width >= rect.height
    length, depth = (rect.width, rect.height) if along_u else (rect.height, rect.width)
    two_rows = depth > 42
    lot = float(generator.uniform(14, 21))
    count = max(1, int(length / lot))
    for row in range(2 if two_rows else 1):
        for i in range(count):
            a, b = i * length / count, (i + 1) * length / count
            v0, v1 = (row * depth / 2, (row + 1) * depth / 2) if two_rows else (0.0, depth)
            part = Rect(rect.u0 + a, rect.v0 + v0, rect.u0 + b, rect.v0 + v1) if along_u else Rect(rect.u0 + v0, rect.v0 + a, rect.u0 + v1, rect.v0 + b)
            _lot(canvas, generator, part, along_u, row == 1, state)


def _lot(canvas: Canvas, generator: Generator, lot: Rect, along_u: bool, far: bool, state: Generator) -> None:
    """A house with its garden, drive, shed, hedges and trees."""
    canvas.paint(lot.outline(), str(generator.choice(["grass_green", "grass_dry"], p=(0.82, 0.18))), vary(generator, 0.14, 0.05))
    front, depth = (lot.width, lot.height) if along_u else (lot.height, lot.width)
    wide, deep = min(front - 4.5, generator.uniform(8, 12.5)), min(depth * 0.45, generator.uniform(7.5, 10.5))
    if wide < 5 or deep < 5:
        return
    setback, aside = generator.uniform(3.5, 6.5), generator.uniform(1.5, max(1.6, front - wide - 3.2))

    def at(a0: float, b0: float, a1: float, b1: float) -> Rect:
        """Along the street and away from it, in metres from the lot's corner, as a rectangle of the plan."""
        if far:
            b0, b1 = depth - b1, depth - b0
        return Rect(lot.u0 + a0, lot.v0 + b0, lot.u0 + a1, lot.v0 + b1) if along_u else Rect(lot.u0 + b0, lot.v0 + a0, lot.u0 + b1, lot.v0 + a1)

    drive = at(aside + wide - 3.0, 0, aside + wide + 0.2, setback + 2) if aside + wide + 2.6 > front else at(aside + wide + 0.2, 0, aside + wide + 3.0, setback + 5)
    canvas.paint(drive.corners(), str(generator.choice(["concrete", "gravel", "asphalt"])), vary(generator, 0.14))
    patio = at(aside + 1, setback + deep, aside + wide - 1, setback + deep + generator.uniform(2, 3.5))
    canvas.paint(patio.corners(), "concrete", vary(generator, 0.14, 0.05))
    for _ in range(int(generator.integers(0, 4))):
        centre = at(*(2 * (generator.uniform(2, front - 2), generator.uniform(setback + deep + 2, max(setback + deep + 2.1, depth - 2))))).centre
        material = str(generator.choice(["bare_soil", "shrub", "grass_dry", "gravel"]))
        canvas.paint(blob(generator, centre, *generator.uniform(0.8, 2.6, 2)), material, vary(generator, 0.15), height=0.3)
    if generator.random() < 0.08 and depth - setback - deep > 9:
        pool = at(aside + 1, setback + deep + 4, aside + 8, setback + deep + 7.5)
        canvas.paint(pool.inset(-0.8).corners(), "concrete", vary(generator, 0.08))
        canvas.paint(pool.corners(), "water_clear", (2.2, 6.5, 8.0))
    hedge(canvas, generator, lot.inset(0.6), 1.3)
    house(canvas, generator, at(aside, setback, aside + wide, setback + deep))
    if generator.random() < 0.5:
        shed = at(front - 4.4, depth - 4.2, front - 1.4, depth - 1.4)
        building(canvas, generator, shed, 2.2, FLAT, str(generator.choice(["roof_bitumen", "roof_metal_light", "roof_tile"])))
    if state.random() < 0.6:
        centre = drive.centre
        heading = (np.pi / 2 if along_u else 0.0) + state.normal(0, 0.05)
        car(canvas, state, (centre[0] + state.normal(0, 0.15), centre[1] + state.normal(0, 0.5)), heading)
    for _ in range(int(generator.poisson(lot.area / 110))):
        spot = at(*(2 * (generator.uniform(1, front - 1), generator.uniform(setback + deep + 2, max(setback + deep + 2.1, depth - 1))))).centre
        tree(canvas, generator, spot, float(generator.uniform(1.6, 7.5)), "tree_conifer" if generator.random() < 0.2 else "tree_broadleaf")


def rows(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Terraces: long bodies of many houses, narrow gardens behind."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    along_u = rect.width >= rect.height
    length, depth = (rect.width, rect.height) if along_u else (rect.height, rect.width)
    material = str(generator.choice(["roof_tile", "roof_metal_dark", "roof_bitumen"], p=(0.7, 0.2, 0.1)))
    v = float(generator.uniform(3, 5))
    while v + 10 < depth:
        width, at = float(generator.uniform(5.5, 7.5)), 2.0
        tint = vary(generator, 0.2, 0.06)
        deep = float(generator.uniform(8.5, 10))
        while at + width < length - 1:
            jog = float(generator.choice([0.0, 0.0, 0.8]))
            part = Rect(rect.u0 + at, rect.v0 + v + jog, rect.u0 + at + width, rect.v0 + v + deep + jog) if along_u else Rect(rect.u0 + v + jog, rect.v0 + at, rect.u0 + v + deep + jog, rect.v0 + at + width)
            garden = Rect(part.u0, part.v1, part.u1, part.v1 + 7) if along_u else Rect(part.u1, part.v0, part.u1 + 7, part.v1)
            canvas.paint(garden.inset(0.15).corners(), str(generator.choice(["grass_green", "grass_dry", "concrete", "bare_soil"], p=(0.6, 0.15, 0.15, 0.1))), vary(generator, 0.18))
            if generator.random() < 0.5:
                tree(canvas, generator, garden.centre, float(generator.uniform(1.5, 4.5)))
            shade = float(np.exp(generator.normal(0, 0.05)))
            building(canvas, generator, part, 5.8, 1 if material != "roof_bitumen" else FLAT, material, (tint[0] * shade, tint[1] * shade, tint[2] * shade), rise=3.0 if material != "roof_bitumen" else 0.0)
            at += width
        v += deep + 18


def flats(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Blocks of flats among lawns, paths and parking."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    inner = rect.inset(4)
    lot = Rect(inner.u0, inner.v0, inner.u1, inner.v0 + 17.5)
    if inner.height > 48:
        carpark(canvas, generator, lot, state, 0.65)
        inner = Rect(inner.u0, lot.v1 + 4, inner.u1, inner.v1)
    for _ in range(2):
        u = generator.uniform(inner.u0, inner.u1)
        canvas.paint(strip(densify(np.array([(u, rect.v0), (u + generator.normal(0, 6), rect.v1)]), 3, closed=False), 0.9), "concrete", vary(generator, 0.1))
    courtyard = min(inner.width, inner.height) > 45 and generator.random() < 0.5
    height, deep = float(generator.choice([9, 12, 15, 18, 24])), float(generator.uniform(11, 14))
    roof = str(generator.choice(["roof_gravel", "roof_bitumen", "roof_tile", "roof_metal_light"], p=(0.4, 0.3, 0.2, 0.1)))
    shape = HIP if roof == "roof_tile" else FLAT
    if courtyard:
        for part in (
            Rect(inner.u0, inner.v0, inner.u1, inner.v0 + deep),
            Rect(inner.u0, inner.v0 + deep, inner.u0 + deep, inner.v1),
            Rect(inner.u1 - deep, inner.v0 + deep, inner.u1, inner.v1),
        ):
            building(canvas, generator, part, height, shape, roof)
    else:
        step = deep + float(generator.uniform(16, 24))
        v = inner.v0
        while v + deep <= inner.v1:
            inset = float(generator.uniform(0, 0.2)) * inner.width
            building(canvas, generator, Rect(inner.u0 + inset, v, inner.u1 - inset * generator.uniform(0, 1), v + deep), height, shape, roof)
            v += step
    _trees_where_free(canvas, generator, rect, 10, 0.5)


def _trees_where_free(canvas: Canvas, generator: Generator, rect: Rect, distance: float, odds: float) -> None:
    """Trees about `distance` apart, but not on roofs or cars."""
    for point in scattered(generator, rect.inset(1.5), distance):
        column, row = (int(c) for c in canvas.frame.map([point])[0])
        if not (0 <= row < canvas.size and 0 <= column < canvas.size) or generator.random() > odds:
            continue
        if int(canvas.things[row, column]) not in canvas.roofs and canvas.lift[row, column] < 0.5:
            tree(canvas, generator, point, float(generator.uniform(3, 8)))


def works(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Halls on a paved yard, with lorries, stacks and parking."""
    canvas.paint(rect.outline(), str(generator.choice(["concrete", "asphalt"], p=(0.45, 0.55))), vary(generator, 0.12, 0.015))
    inner = rect.inset(5)
    share = float(generator.uniform(0.45, 0.68))
    if inner.width > inner.height:
        main, side = Rect(inner.u0, inner.v0, inner.u0 + share * inner.width, inner.v1), Rect(inner.u0 + share * inner.width + 8, inner.v0, inner.u1, inner.v1)
    else:
        main, side = Rect(inner.u0, inner.v0, inner.u1, inner.v0 + share * inner.height), Rect(inner.u0, inner.v0 + share * inner.height + 8, inner.u1, inner.v1)
    hall(canvas, generator, main)
    if min(side.width, side.height) > 12:
        if generator.random() < 0.5:
            carpark(canvas, generator, side, state, 0.5)
        else:
            stacks(canvas, generator, side, state)
    if generator.random() < 0.6:
        office = Rect(main.u0 + 2, main.v1 - 1, main.u0 + min(16, main.width * 0.5), main.v1 + 4)
        building(canvas, generator, office, 6.0, FLAT, "roof_gravel")


def stacks(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Containers and pallets in rows, some missing, other ones on another date."""
    for v in np.arange(rect.v0 + 2, rect.v1 - 3, 4.2):
        for u in np.arange(rect.u0 + 1, rect.u1 - 7, 6.8):
            if state.random() < 0.55:
                length = 6.1 if state.random() < 0.7 else 12.2
                colour = [(1.2, 0.35, 0.2), (0.25, 0.45, 0.9), (0.4, 0.7, 0.4), (1.3, 1.3, 1.25), (0.9, 0.6, 0.2), (0.4, 0.42, 0.45)][int(state.integers(6))]
                end = min(u + length, rect.u1 - 0.5)
                canvas.paint(Rect(u, v, end, v + 2.45).corners(), "car_paint", colour, height=2.6 * int(state.integers(1, 3)))


def yard(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """An open yard: gravel, heaps, stacks."""
    canvas.paint(rect.outline(), str(generator.choice(["gravel", "bare_soil", "concrete"])), vary(generator, 0.12))
    for _ in range(int(generator.integers(2, 7))):
        centre = (generator.uniform(rect.u0 + 4, rect.u1 - 4), generator.uniform(rect.v0 + 4, rect.v1 - 4))
        heap(canvas, state, centre, str(state.choice(["sand", "gravel", "bare_soil", "wet_soil"])))
    stacks(canvas, generator, Rect(rect.u0 + 3, rect.v0 + 3, rect.u1 - 3, (rect.v0 + rect.v1) / 2), state)


def heap(canvas: Canvas, generator: Generator, centre: tuple[float, float], material: str) -> None:
    """A cone of loose stuff."""
    radius = float(generator.uniform(2.5, 6))
    n = max(6, int(2 * radius / canvas.frame.fine))
    at = (np.arange(n) + 0.5) / n * 2 - 1
    cone = np.clip(1 - np.hypot(*np.meshgrid(at, at * generator.uniform(1, 1.5))), 0, None) * radius * 0.6
    canvas.stamp(canvas.frame.map([centre])[0], cone.astype(np.float32), canvas.thing(material, vary(generator, 0.12)))


def site(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A building site: bare ground, wheel tracks, a pit, heaps, slabs, a crane's base."""
    canvas.paint(rect.outline(), "bare_soil", vary(state, 0.1))
    for _ in range(int(rect.area / 120)):
        centre = (state.uniform(rect.u0, rect.u1), state.uniform(rect.v0, rect.v1))
        shape = np.clip(blob(state, centre, *state.uniform(1.5, 8, 2), 0.3), (rect.u0, rect.v0), (rect.u1, rect.v1))
        canvas.paint(shape, str(state.choice(["bare_soil", "wet_soil", "sand", "gravel", "grass_dry"], p=(0.45, 0.2, 0.1, 0.15, 0.1))), vary(state, 0.12))
    for _ in range(4):
        ends = np.array([(state.uniform(rect.u0, rect.u1), rect.v0 + 1), (state.uniform(rect.u0, rect.u1), rect.v1 - 1)])
        line = densify(ends, 2, closed=False)
        for side in (-1.0, 1.0):
            canvas.paint(strip(line + (side, 0.0), 0.3), "wet_soil", vary(state, 0.1))
    slab = Rect(rect.u0 + rect.width * 0.25, rect.v0 + rect.height * 0.3, rect.u0 + rect.width * 0.7, rect.v0 + rect.height * 0.65)
    if slab.area > 40 and state.random() < 0.7:
        building(canvas, state, slab, float(state.choice([0.4, 3.0, 6.0])), FLAT, "roof_gravel", (1.25, 1.25, 1.22))
    for _ in range(int(state.integers(1, 5))):
        heap(canvas, state, (state.uniform(rect.u0 + 4, rect.u1 - 4), state.uniform(rect.v0 + 4, rect.v1 - 4)), str(state.choice(["sand", "gravel", "bare_soil"])))


def farm(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A farmstead: house, barns, yard, a glasshouse, trees, a paddock."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    core = Rect(*(rect.centre[0] - 24, rect.centre[1] - 20, rect.centre[0] + 24, rect.centre[1] + 20))
    core = Rect(max(core.u0, rect.u0), max(core.v0, rect.v0), min(core.u1, rect.u1), min(core.v1, rect.v1))
    canvas.paint(blob(generator, core.centre, core.width * 0.45, core.height * 0.42), str(generator.choice(["gravel", "concrete", "bare_soil"])), vary(generator, 0.1))
    house(canvas, generator, Rect(core.u0 + 2, core.v0 + 2, core.u0 + 14, core.v0 + 11), "roof_tile")
    building(canvas, generator, Rect(core.u1 - 14, core.v0 + 3, core.u1 - 1, core.v1 - 8), 5.5, 1, str(generator.choice(["roof_metal_dark", "roof_tile", "roof_metal_light"])))
    building(canvas, generator, Rect(core.u0 + 4, core.v1 - 12, core.u1 - 18, core.v1 - 2), 4.5, 1, str(generator.choice(["roof_metal_light", "roof_bitumen", "roof_tile"])))
    if generator.random() < 0.4:
        for v in np.arange(rect.v0 + 3, min(rect.v0 + 24, core.v0 - 5), 7):
            building(canvas, generator, Rect(rect.u0 + 4, v, min(rect.u0 + 38, rect.u1 - 4), v + 5.5), 1.8, 1, "plastic_sheet", rise=1.4)
    for _ in range(int(state.integers(0, 4))):
        car(canvas, state, (core.centre[0] + state.normal(0, 6), core.centre[1] + state.normal(0, 5)), float(state.uniform(0, 6.28)))
    _trees_where_free(canvas, generator, rect, 9, 0.35)
    hedge(canvas, generator, rect.inset(1))


def pond(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A pond with reeds and trees; its level is the date's."""
    meadow(canvas, generator, rect)
    a, b = rect.width * 0.33, rect.height * 0.33
    shape = blob(generator, rect.centre, a, b)
    centre = np.asarray(rect.centre)
    canvas.paint(centre + (shape - centre) * 1.16, "grass_dry", vary(generator, 0.08))
    canvas.paint(centre + (shape - centre) * 1.07, "wet_soil", vary(generator, 0.08))
    canvas.paint(centre + (shape - centre) * float(state.uniform(0.88, 1.04)), str(generator.choice(["water_clear", "water_turbid"])))
    for point in densify(centre + (shape - centre) * 1.25, 5.0):
        if generator.random() < 0.45:
            tree(canvas, generator, point, float(generator.uniform(2, 7)))


def green(filler: Callable[[Canvas, Generator, Rect], None]) -> Filler:
    """A filler that no date changes."""
    return lambda canvas, generator, rect, state: filler(canvas, generator, rect)


FILLERS: dict[str, Filler] = {
    "houses": houses,
    "rows": rows,
    "flats": flats,
    "works": works,
    "carpark": carpark,
    "yard": yard,
    "site": site,
    "farm": farm,
    "pond": pond,
    "field": field,
    "sports": sports,
    "wood": green(wood),
    "clearing": green(clearing),
    "meadow": green(meadow),
    "orchard": green(orchard),
    "park": green(park),
}

__all__ = ["FILLERS", "ellipse"]
