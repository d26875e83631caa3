"""A smooth random displacement of an image: a sum of plane waves, so that it is exact at any point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

WAVES = 4
LENGTHS = (40.0, 140.0)
"""Wavelengths in pixels; the shortest is long enough for the inverse to exist up to 8 pixels."""
INVERSION_STEPS = 24


@dataclass(frozen=True)
class Elastic:
    """Waves, each (amplitude of rows, amplitude of columns, frequency of rows, frequency of columns, phase)."""

    waves: tuple[tuple[float, float, float, float, float], ...]

    def at(self, points: Doubles) -> Doubles:
        """(..., 2) points (row, column) -> what is added to each."""
        moved = np.zeros_like(points)
        for down, right, rows, columns, phase in self.waves:
            wave = np.sin(points[..., 0] * rows + points[..., 1] * columns + phase)
            moved[..., 0] += down * wave
            moved[..., 1] += right * wave
        return moved

    def undone(self, points: Doubles) -> Doubles:
        """(..., 2) displaced points -> the points that they were: p with p + at(p) as given."""
        plain = points
        for _ in range(INVERSION_STEPS):
            plain = points - self.at(plain)
        return plain


def draw_elastic(generator: np.random.Generator, largest: float) -> Elastic:
    """A displacement whose length is nowhere more than `largest` pixels."""
    shares = generator.dirichlet(np.full(WAVES, 2.0))
    waves = []
    for share in shares:
        way, front, phase = generator.uniform(0, 2 * math.pi, 3)
        number = 2 * math.pi / math.exp(generator.uniform(*np.log(LENGTHS)))
        waves.append(
            tuple(
                float(value)
                for value in (
                    largest * share * math.cos(way),
                    largest * share * math.sin(way),
                    number * math.cos(front),
                    number * math.sin(front),
                    phase,
                )
            )
        )
    return Elastic(tuple(waves))  # type: ignore[arg-type]
