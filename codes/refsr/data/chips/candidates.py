"""The chips that scenes could give: every place of a lattice of pixels whose ground is of one split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refsr.core.errors import DataError
from refsr.core.seeding import derive
from refsr.data.chips.footprints import outlines, side_metres
from refsr.data.chips.ground_blocks import GroundBlocks
from refsr.data.chips.settings import SPLITS, ChipSettings
from refsr.data.chips.survey import Survey, Surveyed

CHIPS_A_BLOCK = 6
"""Sides of a chip along a block of ground, unless one is given: what is lost between splits is bearable then."""


class Candidate(NamedTuple):
    """A chip that may be cut; there may be millions."""

    scene: int
    """Which of the HR rasters."""
    top: int
    left: int
    split: str

    def key(self, survey: Survey) -> str:
        """The name of its files: the scene's, and the row and column of its first pixel."""
        scene = survey.hr[self.scene]
        digits = len(str(max(scene.grid.height, scene.grid.width)))
        return f"{scene.label}_r{self.top:0{digits}d}_c{self.left:0{digits}d}"


@dataclass
class Candidates:
    """All of them, and what is known before pixels are read."""

    chosen: list[Candidate]
    between: int
    """Chips left out because ground of another split lies too near."""


def ground_blocks(settings: ChipSettings, survey: Survey) -> GroundBlocks:
    """The blocks of ground; sizes that are not given follow from the largest chip, in three digits."""
    side = max(side_metres(one.grid, settings.size) for one in survey.hr)
    block = settings.block if settings.block is not None else _short(CHIPS_A_BLOCK * side)
    gap = settings.gap if settings.gap is not None else _short(side)
    if block < side:
        raise DataError(f"blocks of {block:g} m hold no chip of {side:.3g} m; a larger --block, or a smaller --size")
    return GroundBlocks(settings.seed, settings.split, block, gap)


def find_candidates(settings: ChipSettings, survey: Survey, blocks: GroundBlocks) -> Candidates:
    """Every chip of every scene that lies within ground of one split, scene by scene, in rows."""
    chosen: list[Candidate] = []
    between = 0
    for number, scene in enumerate(survey.hr):
        for candidate in _of_scene(settings, scene, number, blocks):
            if candidate is None:
                between += 1
            else:
                chosen.append(candidate)
    if not chosen and not between:
        sizes = ", ".join(f"{one.label} {one.grid.height}x{one.grid.width}" for one in survey.hr[:4])
        raise DataError(f"no scene holds a chip of {settings.size} pixels ({sizes})")
    return Candidates(chosen, between)


def in_order(
    settings: ChipSettings, survey: Survey, candidates: Sequence[Candidate]
) -> list[tuple[list[Candidate], int | None]]:
    """Candidates in the order in which they are tried, with how many of them to take: a list a split under a limit."""
    if settings.limit is None:
        return [(list(candidates), None)]
    result: list[tuple[list[Candidate], int | None]] = []
    for split, quota in zip(SPLITS, _quotas(settings.limit, settings.split), strict=True):
        own = [one for one in candidates if one.split == split]
        own.sort(key=lambda one: derive(settings.seed, "chips", "order", one.key(survey)))
        result.append((own, quota))
    return result


def _of_scene(settings: ChipSettings, scene: Surveyed, number: int, blocks: GroundBlocks) -> Iterator[Candidate | None]:
    """Its chips; None for one that is not of one split."""
    size = settings.size
    lefts = np.arange(0, scene.grid.width - size + 1, settings.step)
    if not lefts.size:
        return
    for top in range(0, scene.grid.height - size + 1, settings.step):
        longitudes, latitudes = outlines(scene.grid, top, lefts, size)
        for left, east, north in zip(lefts.tolist(), longitudes, latitudes, strict=True):
            split = blocks.split(east, north)
            yield None if split is None else Candidate(number, top, left, split)


def _quotas(limit: int, shares: Sequence[float]) -> list[int]:
    """The limit in whole chips a split: what rounding down leaves goes to the largest remainders."""
    exact = [limit * share for share in shares]
    quotas = [math.floor(value + 1e-9) for value in exact]
    for at in sorted(range(len(shares)), key=lambda at: quotas[at] - exact[at])[: limit - sum(quotas)]:
        quotas[at] += 1
    return quotas


def _short(value: float) -> float:
    """Up to three digits, as a person can repeat them."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / step) * step:.3g}")
