"""A map of what a result improved, omitted and made up, with a frame around the window where most was made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from refsr.metrics.invention import KINDS, triad_map
from refsr.report.html import Html, tag
from refsr.report.pictures import Rgb

COLOURS: dict[str, tuple[int, int, int]] = {
    "improvement": (60, 150, 80),
    "omission": (110, 115, 125),
    "hallucination": (225, 70, 50),
}
WORDS = {"improvement": "nearer to HR", "omission": "still as LR", "hallucination": "made up"}
WINDOW = 64
"""Pixels along the side of the window that is framed."""
FRAME = (255, 255, 255)
GAP = 2
"""Pixels between the pictures of a window."""


class Invention(NamedTuple):
    """The map of one result."""

    picture: Rgb
    worst: float
    """The share of the pixels in the frame that are made up."""
    window: tuple[int, int]
    """Top and left of the frame."""


def invention(result: Rgb, hr: Rgb, lr: Rgb, scale: int) -> Invention:
    """Pictures (H, W, 3), of LR (H/s, W/s, 3), in 8 bits -> the map, framed where most is made up."""
    image, target, low = (one.astype(np.float32) / 255 for one in (result, hr, lr))
    kinds = triad_map(image, target, low, scale)
    picture = np.zeros((*kinds.shape, 3), np.uint8)
    for index, kind in enumerate(KINDS):
        picture[kinds == index] = COLOURS[kind]
    top, left, share = worst_window((kinds == KINDS.index("hallucination")).astype(np.float64), WINDOW)
    bottom, right = (min(start + WINDOW, side) - 1 for start, side in zip((top, left), kinds.shape, strict=True))
    picture[[top, bottom], left : right + 1] = FRAME
    picture[top : bottom + 1, [left, right]] = FRAME
    return Invention(picture, share, (top, left))


def worst_parts(pictures: Sequence[Rgb], window: tuple[int, int], size: tuple[int, int]) -> Rgb:
    """The framed window of pictures side by side; those of other sizes than `size` are enlarged pixel by pixel."""
    rows, columns = (np.arange(start, min(start + WINDOW, side)) for start, side in zip(window, size, strict=True))
    gap = np.full((len(rows), GAP, 3), 255, np.uint8)
    parts = []
    for picture in pictures:
        down, right = (at * own // side for at, own, side in zip((rows, columns), picture.shape[:2], size, strict=True))
        parts += [picture[np.ix_(down, right)], gap]
    return np.concatenate(parts[:-1], axis=1)


def worst_window(plane: npt.NDArray[np.float64], side: int) -> tuple[int, int, float]:
    """Top, left and mean of the window of a plane (H, W) with the largest mean; of all of it where it is smaller."""
    height, width = (min(side, length) for length in plane.shape)
    sums = np.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    totals = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(totals.argmax()), totals.shape)
    return int(top), int(left), float(totals[top, left]) / (height * width)


def legend() -> Html:
    """The colours of the maps."""
    keys = [
        tag("span", tag("span", class_="ramp", style=f"background:rgb{COLOURS[kind]};width:1em"), f" {WORDS[kind]}")
        for kind in KINDS
    ]
    return tag(
        "div",
        tag("span", "Made up: each pixel is nearer to HR, still as LR, or neither; framed is where most is neither:",
            class_="scale-name"),
        *keys,
        class_="scale",
    )  # fmt: skip
