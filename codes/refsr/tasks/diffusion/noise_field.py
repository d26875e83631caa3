"""Noise as a function of seed, step and pixel position: the same for every tile, batch and device."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.seeding import numpy_generator

SIDE = 64
"""Noise is drawn in squares of this many pixels, each from a generator of its own."""


class NoiseField:
    """Unit normal noise on an infinite plane."""

    def __init__(self, seed: int, channels: int) -> None:
        self.seed, self.channels = seed, channels

    def window(self, draw: str | int, top: int, left: int, height: int, width: int) -> Tensor:
        """(C, height, width) in float64: draw number or name `draw` under a window of the plane."""
        result = np.empty((self.channels, height, width))
        for row in range(top // SIDE, -(-(top + height) // SIDE)):
            for column in range(left // SIDE, -(-(left + width) // SIDE)):
                square = self._square(draw, row, column)
                down, rows = _overlap(row, top, height)
                across, columns = _overlap(column, left, width)
                result[:, down, across] = square[:, rows, columns]
        return torch.from_numpy(result)

    def _square(self, draw: str | int, row: int, column: int) -> npt.NDArray[np.float64]:
        generator = numpy_generator(self.seed, "noise", draw, row, column)
        return generator.standard_normal((self.channels, SIDE, SIDE))


def _overlap(square: int, start: int, count: int) -> tuple[slice, slice]:
    """Where a row or column of squares lies in the window, and the part of it that does."""
    first = max(square * SIDE, start)
    last = min((square + 1) * SIDE, start + count)
    return slice(first - start, last - start), slice(first - square * SIDE, last - square * SIDE)
