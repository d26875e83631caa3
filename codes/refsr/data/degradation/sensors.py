"""LR as several sensors and archives would give it: one of three responses, some noise, some compression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refsr.data.degradation import steps
from refsr.data.degradation.chain import GREATEST_SEED, DrawRange, JpegRange
from refsr.data.degradation.mtf import fitted_sigma, gaussian_size
from refsr.data.degradation.steps import Step

RESPONSES = ("bicubic", "box", "mtf")
COMPRESSED = JpegRange(chance=0.6, quality=(60, 95))


@dataclass(frozen=True)
class Sensors:
    """A response each time, then Gaussian noise and JPEG, each in a share of the draws."""

    bicubic: float = 0.4
    """MATLAB's antialiased bicubic, as published sets have; these three are weights."""
    box: float = 0.2
    """The mean of each block: square detectors behind perfect optics."""
    mtf: float = 0.4
    """Gaussian optics before square detectors, so that `nyquist` is left at LR's Nyquist frequency."""
    nyquist: DrawRange = (0.15, 0.4)
    noisy: float = 0.5
    sigma: DrawRange = (0.3, 3.0)
    """Standard deviation of the noise in 255ths."""
    grey: float = 0.0
    """Share of the noise that is the same in all bands."""
    jpeg: JpegRange = COMPRESSED

    @property
    def compresses(self) -> bool:
        return self.jpeg.chance > 0

    def draw(self, generator: np.random.Generator, height: int, width: int, scale: int) -> list[Step]:
        weights = np.array([getattr(self, name) for name in RESPONSES])
        response = RESPONSES[int(generator.choice(len(RESPONSES), p=weights / weights.sum()))]
        drawn: list[Step] = []
        if response == "bicubic":
            drawn.append(steps.Resize(height // scale, width // scale, "bicubic"))
        else:
            if response == "mtf":
                sigma = fitted_sigma(float(generator.uniform(*self.nyquist)), scale)
                drawn.append(steps.GaussianBlur(gaussian_size(sigma), sigma, sigma))
            drawn.append(steps.Detector(scale))
        if generator.random() < self.noisy:
            sigma, seed = float(generator.uniform(*self.sigma)), int(generator.integers(GREATEST_SEED))
            grey = self.grey > 0 and bool(generator.random() < self.grey)
            drawn.append(steps.GaussianNoise(sigma / 255, grey, seed))
        return drawn + self.jpeg.draw(generator)
