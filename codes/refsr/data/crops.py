"""Random crop windows, and the window to read around a crop so that resizing it equals resizing the whole image."""

from __future__ import annotations

from typing import Literal

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator
from refsr.data.images import Window

CropRule = Literal["aligned", "release"]

# Bicubic resizing looks two low-resolution pixels beyond an edge; one more keeps odd phases safe.
MARGIN = 3


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


def reduced(window: Window, ratio: int) -> Window:
    """The window in an image whose pixels are `ratio` times as large, rounded down."""
    return Window(window.top // ratio, window.left // ratio, window.height // ratio, window.width // ratio)


def surrounded(window: Window, ratio: int, margin: int, height: int, width: int) -> Window:
    """The smallest window of whole cells of `ratio` pixels that holds `window` and `margin` cells around it."""
    first = [max(0, start // ratio - margin) * ratio for start in (window.top, window.left)]
    ends = (window.top + window.height, window.left + window.width)
    last = [min(length, (-(-end // ratio) + margin) * ratio) for end, length in zip(ends, (height, width), strict=True)]
    return Window(first[0], first[1], last[0] - first[0], last[1] - first[1])
