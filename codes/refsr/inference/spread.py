"""How far images of several seeds are apart, and how large the error is where they are so far apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.data.images import Array
from refsr.inference.error_model import FAINT
from refsr.runs.card_schema import CardSpread

SAMPLES = 8
"""Seeds of a spread, unless another number is asked for."""

Plane = npt.NDArray[np.float32]


class Spread:
    """The first of several images of the same size, and the standard deviation over all of them."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = self._sum_of_squares = np.zeros(())

    def add(self, image: Array) -> None:
        """Takes (H, W, C) or (H, W)."""
        if self.count == 0:
            self.first = image
        # As differences from the first image, whose squares lose nothing.
        apart = image.astype(np.float64) - self.first.astype(np.float64)
        self._sum, self._sum_of_squares = self._sum + apart, self._sum_of_squares + apart**2
        self.count += 1

    @property
    def deviation(self) -> Plane:
        """(H, W): the root of the mean square over bands, in the images' units."""
        variance = np.maximum(self._sum_of_squares - self._sum**2 / self.count, 0) / (self.count - 1)
        planes = variance if variance.ndim == 3 else variance[:, :, None]
        found: Plane = np.sqrt(planes.mean(axis=2)).astype(np.float32)
        return found


@dataclass(frozen=True)
class SpreadIntervals:
    """Half the width of the 90 % interval by the deviation over `samples` images."""

    samples: int
    predicted: tuple[float, ...]
    """Logarithms of deviations, increasing."""
    half_widths: tuple[float, ...]
    """The logarithm of the half-width at each; between them it is interpolated."""

    @staticmethod
    def of(section: CardSpread) -> SpreadIntervals:
        return SpreadIntervals(section.samples, tuple(section.predicted), tuple(section.half_widths))

    def half_width(self, deviation: Plane, unit: float = 1.0) -> Plane:
        """Deviations -> half-widths, both in units of which `unit` is the range of the image."""
        widths: Plane = np.exp(np.interp(log_deviation(deviation / unit), self.predicted, self.half_widths))
        return np.float32(unit) * widths.astype(np.float32)


def log_deviation(deviation: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The logarithm of deviations in [0, 1], which ends where they are noise of 8 bits."""
    found: npt.NDArray[np.floating] = np.log(deviation + FAINT)
    return found
