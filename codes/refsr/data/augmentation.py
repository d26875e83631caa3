"""Flips and quarter turns, the same for every member of a sample."""

from __future__ import annotations

from dataclasses import dataclass

from refsr.core.seeding import numpy_generator
from refsr.data.images import Array


@dataclass(frozen=True)
class Turn:
    """Mirror left-right, then top-bottom, then exchange rows and columns: together all eight turns of a square."""

    left_right: bool = False
    top_bottom: bool = False
    transpose: bool = False

    def apply(self, image: Array) -> Array:
        """(H, W, C) turned; a view."""
        if self.left_right:
            image = image[:, ::-1]
        if self.top_bottom:
            image = image[::-1]
        return image.transpose(1, 0, 2) if self.transpose else image


def draw_turn(seed: int, draw: int, index: int, flip: bool, rotate: bool) -> Turn:
    """Each step in half of the draws: the first where `flip` allows it, the others where `rotate` does."""
    coins = numpy_generator(seed, "turn", draw, index).random(3) < 0.5
    return Turn(bool(flip and coins[0]), bool(rotate and coins[1]), bool(rotate and coins[2]))
