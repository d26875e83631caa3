"""Noise in several sizes, fixed for a scene, that keeps every surface from looking painted."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.seeding import numpy_generator

Field = npt.NDArray[np.float32]


class Textures(NamedTuple):
    """Zero-mean fields of standard deviation one on the fine grid, (size, size)."""

    grain: Field
    clumps: Field
    patches: Field
    hue: Field
    """As slow as patches, but another draw: dry and lush, clean and worn."""


@lru_cache(maxsize=2)
def textures(seed: int, index: int, size: int) -> Textures:
    """The fields of one scene."""
    generator = numpy_generator(seed, "place", index, "texture")
    white = generator.standard_normal((size, size), dtype=np.float32)
    grain = 0.7 * white + _noise(generator, size, 2)
    clumps = _noise(generator, size, 4) + 0.8 * _noise(generator, size, 8)
    patches = _noise(generator, size, 24) + _noise(generator, size, 60) + 1.6 * _noise(generator, size, 160)
    hue = _noise(generator, size, 16) + _noise(generator, size, 50) + _noise(generator, size, 200)
    return Textures(*(_unit(field) for field in (grain, clumps, patches, hue)))


def _noise(generator: np.random.Generator, size: int, wave: int) -> Field:
    """Noise whose features are about `wave` fine pixels wide."""
    cells = size // wave + 4
    rough = generator.standard_normal((cells, cells), dtype=np.float32)
    large = cv2.resize(rough, (cells * wave, cells * wave), interpolation=cv2.INTER_CUBIC)
    top, left = (int(v) for v in generator.integers(0, wave, 2))
    return np.asarray(large[top : top + size, left : left + size])


def _unit(field: Field) -> Field:
    unit: Field = (field - field.mean(dtype=np.float64).astype(np.float32)) / field.std(dtype=np.float64).astype(
        np.float32
    )
    return unit
