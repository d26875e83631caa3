"""How a scene is laid out: streets, tracks and rivers cut the land into blocks, and each block gets a use."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from refsr.core.errors import UsageError, suggestion
from refsr.core.seeding import numpy_generator
from refsr.worlds.frame import Rect

STYLES = ("rural", "suburban", "urban", "industrial", "riverside", "forest")

# What blocks are used for, by style, with odds.
USES: dict[str, dict[str, float]] = {
    "rural": {"field": 10, "meadow": 2.5, "wood": 1.8, "farm": 1.6, "orchard": 0.7, "houses": 1.2, "pond": 0.4},
    "suburban": {"houses": 10, "rows": 2.5, "park": 1, "sports": 1.2, "flats": 1, "carpark": 0.5, "meadow": 0.7},
    "urban": {"flats": 6, "rows": 4, "carpark": 1.3, "park": 1, "works": 1, "sports": 0.7, "houses": 1},
    "industrial": {"works": 8, "carpark": 2, "yard": 2, "meadow": 1, "flats": 0.6, "field": 1},
    "riverside": {"field": 4, "meadow": 3, "houses": 3, "wood": 1.6, "park": 1, "works": 0.6, "orchard": 0.6},
    "forest": {"wood": 9, "meadow": 1.6, "field": 2, "clearing": 1.5, "pond": 0.4},
}
# Block sides in metres at which cutting stops, by style.
GRAIN = {
    "rural": (55, 120),
    "suburban": (46, 95),
    "urban": (50, 95),
    "industrial": (70, 130),
    "riverside": (55, 110),
    "forest": (70, 140),
}

# What another date may have made of a block; uses that are not listed change in their details only.
CHANGES: dict[str, tuple[str, ...]] = {
    "field": ("field",),
    "meadow": ("site", "field", "houses", "works"),
    "wood": ("clearing", "site"),
    "clearing": ("wood", "meadow"),
    "houses": ("houses", "site"),
    "rows": ("site",),
    "flats": ("site", "carpark"),
    "works": ("site", "yard"),
    "yard": ("works", "carpark", "site"),
    "carpark": ("site", "flats", "park"),
    "farm": ("farm",),
    "orchard": ("field", "meadow"),
    "park": ("site", "sports"),
    "sports": ("site",),
    "pond": ("meadow",),
}


@dataclass(frozen=True)
class Street:
    """A straight way of the plan, along u (horizontal) or v, that the frame will bend."""

    kind: str
    """road, lane, track, river or edge (a border between parcels)."""
    horizontal: bool
    at: float
    start: float
    end: float
    width: float
    number: int
    paved: bool = True
    """Pavements beside it, as in towns."""


@dataclass(frozen=True)
class LandBlock:
    """A piece of land between streets, and its use at each date."""

    rect: Rect
    number: int
    uses: tuple[str, str]
    fresh: tuple[int, int] = (0, 0)
    """A change of details: drawn anew where the number differs between the dates."""


@dataclass(frozen=True)
class LayoutPlan:
    """The whole layout of a scene."""

    style: str
    blocks: tuple[LandBlock, ...]
    streets: tuple[Street, ...]


def check_style(style: str | None) -> None:
    """Refuses a word that is no style; None stands for any."""
    if style is not None and style not in STYLES:
        raise UsageError(f"style {style!r} is not known{suggestion(style, STYLES)} (known: {', '.join(STYLES)})")


def make_layout_plan(
    seed: int, index: int, side: float, visible: float, change: float, style: str | None
) -> LayoutPlan:
    """Lays out a square of `side` metres, of which `visible` metres are seen, so that `change` of it differs."""
    generator = numpy_generator(seed, "place", index, "plan")
    chosen = (
        style
        if style is not None
        else STYLES[int(generator.choice(len(STYLES), p=(0.24, 0.27, 0.15, 0.13, 0.13, 0.08)))]
    )
    streets: list[Street] = []
    rects: list[Rect] = []
    half = side / 2
    _cut(Rect(-half, -half, half, half), 0, chosen, generator, streets, rects)
    odds = USES[chosen]
    names, weights = list(odds), np.array(list(odds.values()))
    blocks = []
    for number, rect in enumerate(rects):
        use = _fitting(str(generator.choice(names, p=weights / weights.sum())), rect)
        blocks.append(LandBlock(rect, number, (use, use)))
    return LayoutPlan(chosen, tuple(_changed(blocks, visible, change, generator)), tuple(streets))


def _cut(
    rect: Rect, depth: int, style: str, generator: np.random.Generator, streets: list[Street], rects: list[Rect]
) -> None:
    """Cuts a rectangle in two along a street, and the parts again, until they are small enough."""
    low, high = GRAIN[style]
    along_u = rect.width < rect.height if abs(rect.width - rect.height) > 15 else bool(generator.random() < 0.5)
    length = rect.height if along_u else rect.width
    enough = generator.uniform(low, high)
    if length < enough * 1.25 or depth > 7:
        rects.append(rect)
        return
    kind, width = _way(depth, style, generator)
    share = generator.uniform(0.36, 0.64)
    at = (rect.v0 + share * rect.height) if along_u else (rect.u0 + share * rect.width)
    start, end = (rect.u0, rect.u1) if along_u else (rect.v0, rect.v1)
    paved = style in ("suburban", "urban", "industrial")
    streets.append(Street(kind, along_u, at, start, end, width, len(streets), paved))
    gap = width / 2 + {"road": 2.2, "lane": 1.6, "track": 0.4, "river": 5.0, "edge": 0.0}[kind]
    first = Rect(rect.u0, rect.v0, rect.u1, at - gap) if along_u else Rect(rect.u0, rect.v0, at - gap, rect.v1)
    second = Rect(rect.u0, at + gap, rect.u1, rect.v1) if along_u else Rect(at + gap, rect.v0, rect.u1, rect.v1)
    _cut(first, depth + 1, style, generator, streets, rects)
    _cut(second, depth + 1, style, generator, streets, rects)


def _way(depth: int, style: str, generator: np.random.Generator) -> tuple[str, float]:
    """Kind and width of the way that a cut at this depth becomes."""
    if style == "riverside" and depth == 0:
        return "river", float(generator.uniform(14, 34))
    if style in ("rural", "riverside", "forest"):
        if depth <= 1:
            return "road", float(generator.uniform(5.5, 7.5))
        kind = str(generator.choice(["track", "edge", "lane"], p=(0.35, 0.5, 0.15)))
        return kind, {"track": 3.0, "edge": 1.2, "lane": 4.2}[kind]
    if depth <= 1:
        return "road", float(
            generator.uniform(8, 12) if style in ("urban", "industrial") else generator.uniform(6.5, 8.5)
        )
    return "lane", float(generator.uniform(4.8, 6.5))


def _fitting(use: str, rect: Rect) -> str:
    """The use, or a smaller one where the block has no room for it."""
    shorter = min(rect.width, rect.height)
    if use == "sports" and (shorter < 42 or max(rect.width, rect.height) < 60):
        return "park"
    if use in ("works", "flats") and shorter < 32:
        return "carpark"
    if use in ("houses", "rows", "farm") and shorter < 26:
        return "meadow"
    return use


def _changed(blocks: list[LandBlock], visible: float, change: float, generator: np.random.Generator) -> list[LandBlock]:
    """Blocks drawn at random get another use or new details, until the wanted share of the visible land has."""
    window = visible / 2
    areas = [_overlap(block.rect, window) for block in blocks]
    total, done = sum(areas), 0.0
    result = list(blocks)
    for at in generator.permutation(len(blocks)):
        block = blocks[at]
        new = str(generator.choice(CHANGES.get(block.uses[0], (block.uses[0],))))
        before_first = bool(generator.random() < 0.7)
        if areas[at] == 0 or done + areas[at] > (change + 0.06) * total or done >= change * total:
            continue
        # Building up is commoner than tearing down: mostly the later date has the heavier use.
        pair = (
            (new, block.uses[1])
            if before_first and new in ("site", "meadow")
            else (block.uses[0], _fitting(new, block.rect))
        )
        result[at] = replace(block, uses=pair, fresh=(0, 1))
        done += areas[at]
    return result


def _overlap(rect: Rect, half: float) -> float:
    return (
        Rect(max(rect.u0, -half), max(rect.v0, -half), min(rect.u1, half), min(rect.v1, half)).area
        if (rect.u1 > -half and rect.u0 < half and rect.v1 > -half and rect.v0 < half)
        else 0.0
    )
