"""A scene: its layout, the ground that never changes, and what stands on it at each of two dates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.worlds.blocks import FILLERS
from refsr.worlds.canvas import Canvas
from refsr.worlds.frame import Frame, Rect
from refsr.worlds.greenery import hedge, vary
from refsr.worlds.layout_plan import LayoutPlan, check_style, make_layout_plan
from refsr.worlds.traffic import driving, markings, pavement, river, roadway

# Everything is drawn at twice the resolution and averaged, so that edges are as sharp as a sensor sees them.
FINER = 2
# Uses whose state stays from date to date unless the block changes; the others hold cars, water levels and stacks.
LASTING = ("field", "site")


@dataclass(frozen=True)
class Scene:
    """A square piece of land; two scenes with equal fields are equal to the last pixel."""

    seed: int
    index: int
    size: int
    """Canvas pixels a side."""
    pixel: float
    """Metres a pixel."""
    plan: LayoutPlan

    @property
    def style(self) -> str:
        return self.plan.style


def make_scene(
    seed: int, index: int, size: int, pixel: float = 0.5, change: float = 0.15, style: str | None = None
) -> Scene:
    """Scene number `index` of a seed, with about the share `change` of its land changed between its dates."""
    check_style(style)
    visible = size * pixel
    return Scene(seed, index, size, pixel, make_layout_plan(seed, index, visible * 1.5 + 40, visible, change, style))


def make_frame(scene: Scene) -> Frame:
    """The turn and the gentle bends of a scene's streets."""
    generator = numpy_generator(scene.seed, "place", scene.index, "frame")
    count = 3
    length = generator.uniform(170, 420, count)
    heading = generator.uniform(0, 2 * np.pi, count)
    push = generator.normal(0, 1, (count, 2)) * (length / 420 * 6)[:, None]
    vectors = 2 * np.pi / length[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
    waves = np.concatenate([vectors, generator.uniform(0, 2 * np.pi, (count, 1)), push, np.zeros((count, 1))], 1)
    angle = float(generator.uniform(0, 2 * np.pi))
    return Frame(angle, scene.size * scene.pixel / 2, scene.pixel / FINER, waves)


@lru_cache(maxsize=2)
def drawn(scene: Scene, date: int) -> Canvas:
    """What stands in the scene on a date, as objects on the fine grid."""

    def generator(*path: str | int) -> np.random.Generator:
        return numpy_generator(scene.seed, "place", scene.index, *path)

    canvas = Canvas(make_frame(scene), scene.size * FINER)
    canvas.add_object("grass_green", vary(generator("verge"), 0.08))
    streets, blocks = scene.plan.streets, scene.plan.blocks
    for street in streets:
        if street.kind != "river":
            pavement(canvas, generator("pavement", street.number), street)
    for block in blocks:
        if not canvas.shows(block.rect):
            continue
        use, fresh = block.uses[date], block.fresh[date] if block.uses[0] == block.uses[1] else 0
        state = generator("state", block.number, use, block.fresh[date] if use in LASTING else date)
        FILLERS[use](
            canvas, generator("block", block.number, use, fresh if use not in LASTING else 0), block.rect, state
        )
    for street in streets:
        if street.kind == "river":
            river(canvas, generator("river", street.number), street, float(generator("level", date).uniform(-1.6, 1.6)))
    for layer in (roadway, markings):
        for street in streets:
            layer(canvas, generator(layer.__name__, street.number), street)
    for street in streets:
        driving(canvas, generator("cars", street.number, date), street)
        if street.kind in ("edge", "track"):
            _border(canvas, generator("border", street.number), street.horizontal, street.at, street.start, street.end)
    return canvas


def _border(
    canvas: Canvas, generator: np.random.Generator, horizontal: bool, at: float, start: float, end: float
) -> None:
    """A hedge or a line of trees along some borders between parcels."""
    if generator.random() < 0.4:
        rect = Rect(start, at + 1.4, end, at + 1.4) if horizontal else Rect(at + 1.4, start, at + 1.4, end)
        hedge(canvas, generator, rect, float(generator.uniform(1.8, 4.5)), 1 if horizontal else 2)
