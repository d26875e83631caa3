"""Faulty references in training: another place's, none, or moved ones, so that networks trust them with reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator

Fault = Literal["wrong", "missing"]


@dataclass(frozen=True)
class ReferenceFaults:
    """Shares of training samples, 0 to 1, that get another sample's Ref, and none; and how far Ref is moved."""

    wrong: float = 0.0
    missing: float = 0.0
    shift: float = 0.0
    """HR pixels by which Ref is moved at most, in half of the samples, while its weight map stays."""

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise DataError(f"ref_shift {self.shift}: expected 0 or more HR pixels")
        if not (self.wrong >= 0 and self.missing >= 0 and self.wrong + self.missing <= 1):
            raise DataError(f"ref_wrong {self.wrong} and ref_missing {self.missing}: shares from 0 to 1 in all")

    @property
    def any(self) -> bool:
        return self.wrong + self.missing + self.shift > 0

    def draw(self, seed: int, draw: int, index: int, count: int) -> tuple[Fault | None, int]:
        """The fault of draw number `draw` of sample `index`, and whose Ref of `count` samples it gets."""
        if not self.any:
            return None, index
        generator = numpy_generator(seed, "reference fault", draw, index)
        chance = generator.random()
        if chance < self.missing:
            return "missing", index
        if chance < self.missing + self.wrong and count > 1:
            return "wrong", (index + 1 + int(generator.integers(count - 1))) % count
        return None, index

    def drawn_shift(self, seed: int, draw: int, index: int) -> tuple[float, float]:
        """HR pixels to the right and down by which Ref is moved in draw number `draw` of sample `index`."""
        if not self.shift:
            return 0.0, 0.0
        generator = numpy_generator(seed, "reference shift", draw, index)
        moved, length, angle = generator.random(3)
        if moved < SHARE_STILL:
            return 0.0, 0.0
        radius, towards = self.shift * length, 2 * math.pi * angle
        return radius * math.cos(towards), radius * math.sin(towards)


SHARE_STILL = 0.5
"""Of the samples whose Ref may be moved."""
