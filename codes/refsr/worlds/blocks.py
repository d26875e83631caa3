"""What a block holds, by its use. Ground first, objects on it after; cars and crops come from the date."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refsr.worlds.buildings import building, house
from refsr.worlds.canvas import Canvas
from refsr.worlds.frame import Rect, blob, densify
from refsr.worlds.greenery import clearing, field, hedge, meadow, orchard, park, tree, trees_where_free, vary, wood
from refsr.worlds.homes import flats, houses, rows
from refsr.worlds.sports import sports
from refsr.worlds.traffic import car, carpark
from refsr.worlds.works import site, works, yard

Generator = np.random.Generator
Filler = Callable[[Canvas, Generator, Rect, Generator], None]


def farm(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A farmstead: house, barns, yard, a glasshouse, trees, a paddock."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    core = Rect(*(rect.centre[0] - 24, rect.centre[1] - 20, rect.centre[0] + 24, rect.centre[1] + 20))
    core = Rect(max(core.u0, rect.u0), max(core.v0, rect.v0), min(core.u1, rect.u1), min(core.v1, rect.v1))
    canvas.paint(
        blob(generator, core.centre, core.width * 0.45, core.height * 0.42),
        str(generator.choice(["gravel", "concrete", "bare_soil"])),
        vary(generator, 0.1),
    )
    house(canvas, generator, Rect(core.u0 + 2, core.v0 + 2, core.u0 + 14, core.v0 + 11), "roof_tile")
    building(
        canvas,
        generator,
        Rect(core.u1 - 14, core.v0 + 3, core.u1 - 1, core.v1 - 8),
        5.5,
        1,
        str(generator.choice(["roof_metal_dark", "roof_tile", "roof_metal_light"])),
    )
    building(
        canvas,
        generator,
        Rect(core.u0 + 4, core.v1 - 12, core.u1 - 18, core.v1 - 2),
        4.5,
        1,
        str(generator.choice(["roof_metal_light", "roof_bitumen", "roof_tile"])),
    )
    if generator.random() < 0.4:
        for v in np.arange(rect.v0 + 3, min(rect.v0 + 24, core.v0 - 5), 7):
            building(
                canvas,
                generator,
                Rect(rect.u0 + 4, v, min(rect.u0 + 38, rect.u1 - 4), v + 5.5),
                1.8,
                1,
                "plastic_sheet",
                rise=1.4,
            )
    for _ in range(int(state.integers(0, 4))):
        car(
            canvas,
            state,
            (core.centre[0] + state.normal(0, 6), core.centre[1] + state.normal(0, 5)),
            float(state.uniform(0, 6.28)),
        )
    trees_where_free(canvas, generator, rect, 9, 0.35)
    hedge(canvas, generator, rect.inset(1))


def pond(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A pond with reeds and trees; its level is the date's."""
    meadow(canvas, generator, rect)
    a, b = rect.width * 0.33, rect.height * 0.33
    shape = blob(generator, rect.centre, a, b)
    centre = np.asarray(rect.centre)
    canvas.paint(centre + (shape - centre) * 1.16, "grass_dry", vary(generator, 0.08))
    canvas.paint(centre + (shape - centre) * 1.07, "wet_soil", vary(generator, 0.08))
    canvas.paint(
        centre + (shape - centre) * float(state.uniform(0.88, 1.04)),
        str(generator.choice(["water_clear", "water_turbid"])),
    )
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
