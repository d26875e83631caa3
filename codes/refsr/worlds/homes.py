"""Where people live: houses on lots, terraces, blocks of flats."""

from __future__ import annotations

import numpy as np

from refsr.worlds.buildings import FLAT, HIP, building, house
from refsr.worlds.canvas import Canvas
from refsr.worlds.frame import Rect, blob, densify, strip
from refsr.worlds.greenery import hedge, tree, trees_where_free, vary
from refsr.worlds.traffic import car, carpark

Generator = np.random.Generator


def houses(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Family houses on lots that face the longer streets."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    along_u = rect.width >= rect.height
    length, depth = rect.sides(along_u)
    two_rows = depth > 42
    lot = float(generator.uniform(14, 21))
    count = max(1, int(length / lot))
    for row in range(2 if two_rows else 1):
        for i in range(count):
            a, b = i * length / count, (i + 1) * length / count
            v0, v1 = (row * depth / 2, (row + 1) * depth / 2) if two_rows else (0.0, depth)
            _lot(canvas, generator, rect.part(along_u, a, v0, b, v1), along_u, row == 1, state)


def _lot(canvas: Canvas, generator: Generator, lot: Rect, along_u: bool, far: bool, state: Generator) -> None:
    """A house with its garden, drive, shed, hedges and trees."""
    canvas.paint(
        lot.outline(), str(generator.choice(["grass_green", "grass_dry"], p=(0.82, 0.18))), vary(generator, 0.14, 0.05)
    )
    front, depth = lot.sides(along_u)
    wide, deep = min(front - 4.5, generator.uniform(8, 12.5)), min(depth * 0.45, generator.uniform(7.5, 10.5))
    if wide < 5 or deep < 5:
        return
    setback, aside = generator.uniform(3.5, 6.5), generator.uniform(1.5, max(1.6, front - wide - 3.2))

    def at(a0: float, b0: float, a1: float, b1: float) -> Rect:
        """Along the street and away from it, in metres from the lot's corner, as a rectangle of the plan."""
        if far:
            b0, b1 = depth - b1, depth - b0
        return lot.part(along_u, a0, b0, a1, b1)

    drive = (
        at(aside + wide - 3.0, 0, aside + wide + 0.2, setback + 2)
        if aside + wide + 2.6 > front
        else at(aside + wide + 0.2, 0, aside + wide + 3.0, setback + 5)
    )
    canvas.paint(drive.corners(), str(generator.choice(["concrete", "gravel", "asphalt"])), vary(generator, 0.14))
    patio = at(aside + 1, setback + deep, aside + wide - 1, setback + deep + generator.uniform(2, 3.5))
    canvas.paint(patio.corners(), "concrete", vary(generator, 0.14, 0.05))
    for _ in range(int(generator.integers(0, 4))):
        centre = at(
            *(
                2
                * (
                    generator.uniform(2, front - 2),
                    generator.uniform(setback + deep + 2, max(setback + deep + 2.1, depth - 2)),
                )
            )
        ).centre
        material = str(generator.choice(["bare_soil", "shrub", "grass_dry", "gravel"]))
        canvas.paint(
            blob(generator, centre, *generator.uniform(0.8, 2.6, 2)), material, vary(generator, 0.15), height=0.3
        )
    if generator.random() < 0.08 and depth - setback - deep > 9:
        pool = at(aside + 1, setback + deep + 4, aside + 8, setback + deep + 7.5)
        canvas.paint(pool.inset(-0.8).corners(), "concrete", vary(generator, 0.08))
        canvas.paint(pool.corners(), "water_clear", (2.2, 6.5, 8.0))
    hedge(canvas, generator, lot.inset(0.6), 1.3)
    house(canvas, generator, at(aside, setback, aside + wide, setback + deep))
    if generator.random() < 0.5:
        shed = at(front - 4.4, depth - 4.2, front - 1.4, depth - 1.4)
        building(
            canvas, generator, shed, 2.2, FLAT, str(generator.choice(["roof_bitumen", "roof_metal_light", "roof_tile"]))
        )
    if state.random() < 0.6:
        centre = drive.centre
        heading = (np.pi / 2 if along_u else 0.0) + state.normal(0, 0.05)
        car(canvas, state, (centre[0] + state.normal(0, 0.15), centre[1] + state.normal(0, 0.5)), heading)
    for _ in range(int(generator.poisson(lot.area / 75))):
        spot = at(
            *(
                2
                * (
                    generator.uniform(1, front - 1),
                    generator.uniform(setback + deep + 2, max(setback + deep + 2.1, depth - 1)),
                )
            )
        ).centre
        tree(
            canvas,
            generator,
            spot,
            float(generator.uniform(1.6, 7.5)),
            "tree_conifer" if generator.random() < 0.2 else "tree_broadleaf",
        )


def rows(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Terraces: long bodies of many houses, narrow gardens behind."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    along_u = rect.width >= rect.height
    length, depth = rect.sides(along_u)
    material = str(generator.choice(["roof_tile", "roof_metal_dark", "roof_bitumen"], p=(0.7, 0.2, 0.1)))
    v = float(generator.uniform(3, 5))
    while v + 10 < depth:
        width, at = float(generator.uniform(5.5, 7.5)), 2.0
        tint = vary(generator, 0.2, 0.06)
        deep = float(generator.uniform(8.5, 10))
        while at + width < length - 1:
            jog = float(generator.choice([0.0, 0.0, 0.8]))
            part = rect.part(along_u, at, v + jog, at + width, v + deep + jog)
            garden = rect.part(along_u, at, v + deep + jog, at + width, v + deep + jog + 7)
            canvas.paint(
                garden.inset(0.15).corners(),
                str(generator.choice(["grass_green", "grass_dry", "concrete", "bare_soil"], p=(0.6, 0.15, 0.15, 0.1))),
                vary(generator, 0.18),
            )
            if generator.random() < 0.5:
                tree(canvas, generator, garden.centre, float(generator.uniform(1.5, 4.5)))
            shade = float(np.exp(generator.normal(0, 0.05)))
            building(
                canvas,
                generator,
                part,
                5.8,
                1 if material != "roof_bitumen" else FLAT,
                material,
                (tint[0] * shade, tint[1] * shade, tint[2] * shade),
                rise=3.0 if material != "roof_bitumen" else 0.0,
            )
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
        canvas.paint(
            strip(densify(np.array([(u, rect.v0), (u + generator.normal(0, 6), rect.v1)]), 3, closed=False), 0.9),
            "concrete",
            vary(generator, 0.1),
        )
    courtyard = min(inner.width, inner.height) > 45 and generator.random() < 0.5
    height, deep = float(generator.choice([9, 12, 15, 18, 24])), float(generator.uniform(11, 14))
    roof = str(
        generator.choice(["roof_gravel", "roof_bitumen", "roof_tile", "roof_metal_light"], p=(0.4, 0.3, 0.2, 0.1))
    )
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
            building(
                canvas,
                generator,
                Rect(inner.u0 + inset, v, inner.u1 - inset * generator.uniform(0, 1), v + deep),
                height,
                shape,
                roof,
            )
            v += step
    trees_where_free(canvas, generator, rect, 10, 0.5)
