"""Means of an array over rectangles around points; over one pixel they are linear interpolation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from refsr.geo.grid import Floats
from refsr.geo.validity import Mask

Pixels = npt.NDArray[np.float32]

ROUNDING = 1e-9


def area_means(
    pixels: Pixels, valid: Mask, columns: Floats, rows: Floats, sides: tuple[float, float]
) -> tuple[Pixels, Mask]:
    """(height, width, bands): means over rectangles around coordinates (height, width) of an array.

    `sides` are theirs across and down, in the array's pixels and at least 1. Each pixel counts by the part of it that
    lies inside; those without data do not count, and a mean holds data where half of its rectangle does. Whole
    coordinates are centres of pixels, so that a square of one pixel gives linear values.
    """
    found = np.zeros((*columns.shape, pixels.shape[2]), np.float64)
    weight = np.zeros(columns.shape, np.float64)
    across = _taps(columns, sides[0], pixels.shape[1])
    for row, down in _taps(rows, sides[1], pixels.shape[0]):
        for column, right in across:
            share = np.where(valid[row, column], down * right, 0)
            found += np.where(share[:, :, None] > 0, pixels[row, column], 0) * share[:, :, None]
            weight += share
    held = weight >= 0.5 - ROUNDING
    means: Pixels = (found / np.where(held, weight, 1)[:, :, None]).astype(np.float32)
    return means, held


def _taps(line: Floats, side: float, length: int) -> list[tuple[npt.NDArray[np.intp], Floats]]:
    """The pixels along one axis that rectangles reach into, and their parts of one; outside the array nothing.

    Between whole sides the parts are those of the next ones, mixed: a rectangle of a broken side alone would move what
    it sees by up to a twentieth of a pixel.
    """
    less = math.floor(side)
    more = side - less
    first = np.floor(line - (less + 1) / 2 + 0.5)
    taps = []
    for step in range(less + 3):
        at = first + step
        part = (1 - more) * _inside(line, at, less) / less + more * _inside(line, at, less + 1) / (less + 1)
        part = np.where((at >= 0) & (at < length), part, 0)
        if part.any():
            taps.append((np.clip(at, 0, length - 1).astype(np.intp), part))
    return taps


def _inside(line: Floats, at: Floats, side: int) -> Floats:
    """How much of pixel `at` lies within half a side of each coordinate."""
    inside: Floats = np.clip(np.minimum(line + side / 2, at + 0.5) - np.maximum(line - side / 2, at - 0.5), 0, 1)
    return inside
