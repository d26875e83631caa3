"""Faulty references in training: another place's, or none, so that networks learn to do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator

Fault = Literal["wrong", "missing"]


@dataclass(frozen=True)
class ReferenceFaults:
    """Shares of training samples, 0 to 1, that get another sample's Ref, and none."""

    wrong: float = 0.0
    missing: float = 0.0

    def __post_init__(self) -> None:
        if not (self.wrong >= 0 and self.missing >= 0 and self.wrong + self.missing <= 1):
            raise DataError(f"ref_wrong {self.wrong} and ref_missing {self.missing}: shares from 0 to 1 in all")

    @property
    def any(self) -> bool:
        return self.wrong + self.missing > 0

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
