"""A few places whose Ref was moved by known transforms, in three bands and 8 bits, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pairs import ground, matrix, reduced, seen_from

from refsr.data.images import write_image

SCALE, SIDE, MARGIN = 4, 192, 60
KNOWN = [(3.0, 1.06, 7.0, -5.0), (-4.0, 0.94, -9.0, 4.0), (1.0, 1.0, 12.0, 3.0)]
GAIN, OFFSET = 0.7, 0.2
"""Ref's brightness against HR's: nothing but a registration makes Ref equal to GAIN * HR + OFFSET."""


def bytes_of(image: np.ndarray) -> np.ndarray:
    tints = np.array([1.0, 0.9, 0.8])
    return np.rint(np.clip(image[:, :, None] * tints, 0, 1) * 255).astype(np.uint8)


def wide_ground(place: int) -> np.ndarray:
    return ground(20 + place, SIDE + 2 * MARGIN)


def hr_of(place: int) -> np.ndarray:
    return wide_ground(place)[MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE]


def ref_of(place: int, known: tuple[float, float, float, float] | None = None) -> np.ndarray:
    moved = seen_from(wide_ground(place), matrix(*(known or KNOWN[place]), SIDE), MARGIN, SIDE)
    return GAIN * moved + OFFSET


def write_places(folder: Path, count: int = len(KNOWN)) -> Path:
    """HR, LR and Ref of each place."""
    for place in range(count):
        write_image(folder / "HR" / f"{place}.png", bytes_of(hr_of(place)))
        write_image(folder / "LR" / f"{place}.png", bytes_of(reduced(hr_of(place), SCALE)))
        write_image(folder / "Ref" / f"{place}.png", bytes_of(ref_of(place)))
    return folder
