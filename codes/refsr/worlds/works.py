"""Where people work: halls and yards, stacks and heaps, building sites."""

from __future__ import annotations

import numpy as np

from refsr.worlds.buildings import FLAT, building, hall
from refsr.worlds.canvas import Canvas, Tint
from refsr.worlds.frame import Rect, blob, densify, strip
from refsr.worlds.greenery import vary
from refsr.worlds.traffic import carpark

Generator = np.random.Generator

CONTAINER_COLOURS: tuple[Tint, ...] = (
    (1.2, 0.35, 0.2), (0.25, 0.45, 0.9), (0.4, 0.7, 0.4), (1.3, 1.3, 1.25), (0.9, 0.6, 0.2), (0.4, 0.42, 0.45),
)  # fmt: skip


def works(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """Halls on a paved yard, with lorries, stacks and parking."""
    canvas.paint(
        rect.outline(), str(generator.choice(["concrete", "asphalt"], p=(0.45, 0.55))), vary(generator, 0.12, 0.015)
    )
    inner = rect.inset(5)
    share = float(generator.uniform(0.45, 0.68))
    along_u = inner.width > inner.height
    length, depth = inner.sides(along_u)
    main = inner.part(along_u, 0, 0, share * length, depth)
    side = inner.part(along_u, share * length + 8, 0, length, depth)
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
                colour = CONTAINER_COLOURS[int(state.integers(len(CONTAINER_COLOURS)))]
                end = min(u + length, rect.u1 - 0.5)
                canvas.paint(
                    Rect(u, v, end, v + 2.45).corners(), "car_paint", colour, height=2.6 * int(state.integers(1, 3))
                )


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
    canvas.stamp(
        canvas.frame.spot(*centre), cone.astype(np.float32), canvas.add_object(material, vary(generator, 0.12))
    )


def site(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A building site: bare ground, wheel tracks, a pit, heaps, slabs, a crane's base."""
    canvas.paint(rect.outline(), "bare_soil", vary(state, 0.1))
    for _ in range(int(rect.area / 120)):
        centre = (state.uniform(rect.u0, rect.u1), state.uniform(rect.v0, rect.v1))
        shape = np.clip(
            blob(state, centre, float(state.uniform(1.5, 8)), float(state.uniform(1.5, 8)), 0.3),
            (rect.u0, rect.v0),
            (rect.u1, rect.v1),
        )
        canvas.paint(
            shape,
            str(state.choice(["bare_soil", "wet_soil", "sand", "gravel", "grass_dry"], p=(0.45, 0.2, 0.1, 0.15, 0.1))),
            vary(state, 0.12),
        )
    for _ in range(4):
        ends = np.array(
            [(state.uniform(rect.u0, rect.u1), rect.v0 + 1), (state.uniform(rect.u0, rect.u1), rect.v1 - 1)]
        )
        line = densify(ends, 2, closed=False)
        for side in (-1.0, 1.0):
            canvas.paint(strip(line + np.array((side, 0.0)), 0.3), "wet_soil", vary(state, 0.1))
    slab = Rect(
        rect.u0 + rect.width * 0.25,
        rect.v0 + rect.height * 0.3,
        rect.u0 + rect.width * 0.7,
        rect.v0 + rect.height * 0.65,
    )
    if slab.area > 40 and state.random() < 0.7:
        building(canvas, state, slab, float(state.choice([0.4, 3.0, 6.0])), FLAT, "roof_gravel", (1.25, 1.25, 1.22))
    for _ in range(int(state.integers(1, 5))):
        heap(
            canvas,
            state,
            (state.uniform(rect.u0 + 4, rect.u1 - 4), state.uniform(rect.v0 + 4, rect.v1 - 4)),
            str(state.choice(["sand", "gravel", "bare_soil"])),
        )
