"""Random crop windows."""

from __future__ import annotations

from typing import Literal

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window

CropRule = Literal["aligned", "release"]


def draw_crop(
    seed: int, draw: int, index: int, height: int, width: int, side: int, grid: int, rule: CropRule
) -> Window:
    """The high-resolution window of draw number `draw` in image `index`.

    `aligned` corners are multiples of `grid`, the scale where no member is coarser than LR; `release` ones are any
    pixel, so that LR, cut at the corner divided and rounded down, lies up to scale - 1 pixels off, as in the published
    loaders.
    """
    if side > min(height, width):
        raise DataError(f"a crop of {side} does not fit an image of {height}x{width}")
    generator = numpy_generator(seed, "crop", draw, index)
    step = grid if rule == "aligned" else 1
    top, left = (int(generator.integers((length - side) // step + 1)) * step for length in (height, width))
    return Window(top, left, side, side)
