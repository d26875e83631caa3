"""Flips and rotations by multiples of 90 degrees, the same for every member of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.data.images import Array

# cv2 takes more bands than this for another dimension.
MOST_CV2_BANDS = 16


@dataclass(frozen=True)
class FlipRotation:
    """Flip left-right, then top-bottom, then transpose: together the eight symmetries of a square."""

    left_right: bool = False
    top_bottom: bool = False
    transpose: bool = False

    def apply(self, image: Array) -> Array:
        """(H, W, C) flipped and rotated; a view."""
        if self.left_right:
            image = image[:, ::-1]
        if self.top_bottom:
            image = image[::-1]
        return image.transpose(1, 0, 2) if self.transpose else image

    def planes(self, image: Array) -> Array:
        """(H, W, C) flipped and rotated, as contiguous (C, H, W).

        Band by band in cv2, which is several times faster than strided copies.
        """
        import cv2

        if image.shape[2] > MOST_CV2_BANDS:
            return np.ascontiguousarray(self.apply(image).transpose(2, 0, 1))
        parts = cv2.split(np.ascontiguousarray(image))
        if self.left_right or self.top_bottom:
            way = -1 if self.left_right and self.top_bottom else int(self.left_right)
            parts = [cv2.flip(part, way) for part in parts]
        if self.transpose:
            parts = [cv2.transpose(part) for part in parts]
        return np.stack(parts)


def draw_flip_rotation(seed: int, draw: int, index: int, flip: bool, rotate: bool) -> FlipRotation:
    """Each of the three steps in half of the draws: the left-right flip if `flip`, the other two if `rotate`."""
    coins = numpy_generator(seed, "turn", draw, index).random(3) < 0.5
    return FlipRotation(bool(flip and coins[0]), bool(rotate and coins[1]), bool(rotate and coins[2]))
