"""Degradations by name, and what each draws for an image.

`bicubic` is how the published sets were made; `bicubic-uint8` rounds after each axis, as MATLAB does when it is given
integers; `blur` and `noise` are the BD and DN of the literature; `real-esrgan` is the second-order random chain, and
`real-esrgan-lossless` the same without JPEG, for 16 bits and many bands; `mtf` is a sensor with optics, square
detectors and electrons; `sensors` is LR of one of several sensors, noisy or not, compressed or not, and
`sensors-lossless` the same without JPEG; `compressed` and `compressed-lossless` differ by JPEG alone where the seed is
the same, and are what a front against compression learns from. `refdiff-real` follows the published words "real-world
degradation" (round and stretched Gaussian blur, motion blur, resizing by several kernels, Gaussian noise, JPEG): order,
chances and strengths were not published and are our own choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from refsr.core.errors import UsageError, suggestion
from refsr.data.degradation import steps
from refsr.data.degradation.chain import (
    GREATEST_SEED,
    BlurRange,
    DrawRange,
    JpegRange,
    NoiseRange,
    RandomChain,
    ResizeRange,
)
from refsr.data.degradation.mtf import fitted_sigma, gaussian_size
from refsr.data.degradation.sensors import Sensors
from refsr.data.degradation.steps import Step


class Degradation(Protocol):
    """Draws the steps that take an image to one `scale` times smaller; both sides are multiples of the scale."""

    @property
    def compresses(self) -> bool:
        """Whether it may draw a JPEG step, which takes 8 bits and one or three bands only."""
        ...

    def draw(self, generator: np.random.Generator, height: int, width: int, scale: int) -> list[Step]: ...


@dataclass(frozen=True)
class Bicubic:
    """MATLAB's antialiased bicubic, rounded once at the end or after each axis; with noise where asked for."""

    each_axis: bool = False
    noise: float = 0.0
    compresses: ClassVar[bool] = False

    def draw(self, generator: np.random.Generator, height: int, width: int, scale: int) -> list[Step]:
        drawn: list[Step] = [steps.Resize(height // scale, width // scale, "bicubic", self.each_axis)]
        if self.noise > 0:
            drawn.append(steps.GaussianNoise(self.noise / 255, False, int(generator.integers(GREATEST_SEED))))
        return drawn


@dataclass(frozen=True)
class BlurAndPick:
    """A Gaussian of standard deviation `sigma` pixels, then the middle pixel of every block; borders repeat the edge.

    For even scales the middle lies between pixels, so the kernel's size is even too.
    """

    sigma: float = 1.6
    compresses: ClassVar[bool] = False

    def draw(self, generator: np.random.Generator, height: int, width: int, scale: int) -> list[Step]:
        size = 2 * math.ceil(3 * self.sigma) + (1 if scale % 2 else 2)
        if scale == 3 and self.sigma == 1.6:
            # As published: shorter than the rule for this one scale.
            size = 7
        blur = steps.GaussianBlur(size, self.sigma, self.sigma, replicate=True)
        return [blur, steps.Subsample(scale, (scale - 1) // 2)]


@dataclass(frozen=True)
class SensorMtf:
    """Optics and square detectors whose contrast at Nyquist is drawn, then shot and read noise.

    Shot noise follows the electrons that full range stands for.
    """

    nyquist: DrawRange = (0.15, 0.35)
    electrons: DrawRange = (5e3, 5e4)
    read: DrawRange = (5.0, 30.0)
    compresses: ClassVar[bool] = False

    def draw(self, generator: np.random.Generator, height: int, width: int, scale: int) -> list[Step]:
        sigma = fitted_sigma(float(generator.uniform(*self.nyquist)), scale)
        low, high = self.electrons
        electrons = float(math.exp(generator.uniform(math.log(low), math.log(high))))
        read = float(generator.uniform(*self.read))
        return [
            steps.GaussianBlur(gaussian_size(sigma), sigma, sigma),
            steps.Detector(scale),
            steps.SensorNoise(electrons, read, int(generator.integers(GREATEST_SEED))),
        ]


NO_JPEG = JpegRange(chance=0.0)
GAUSSIANS = BlurRange(
    round_generalised=0.0, stretched_generalised=0.0, round_plateau=0.0, stretched_plateau=0.0, sinc=0.0
)

GRAIN = Sensors(noisy=0.7, sigma=(0.3, 8.0), grey=0.7, jpeg=JpegRange(chance=0.8, quality=(60, 98)))
"""Noise stands for texture here: with JPEG and, drawn by the same seed, without, it teaches what compression took."""

PRESETS: dict[str, Degradation] = {
    "bicubic": Bicubic(),
    "bicubic-uint8": Bicubic(each_axis=True),
    "blur": BlurAndPick(),
    "noise": Bicubic(noise=30.0),
    "real-esrgan": RandomChain(),
    "real-esrgan-lossless": RandomChain(first_jpeg=NO_JPEG, last_jpeg=NO_JPEG),
    "mtf": SensorMtf(),
    "sensors": Sensors(),
    "sensors-lossless": Sensors(jpeg=NO_JPEG),
    "compressed": GRAIN,
    "compressed-lossless": replace(GRAIN, jpeg=NO_JPEG),
    "refdiff-real": RandomChain(
        first_blur=replace(GAUSSIANS, motion=0.2, motion_length=(5.0, 21.0)),
        first_resize=ResizeRange(grow=0.1, shrink=0.6, factor=(0.25, 1.2)),
        first_noise=NoiseRange(chance=0.8, gaussian=1.0, sigma=(1.0, 15.0)),
        first_jpeg=JpegRange(chance=0.5, quality=(50, 95)),
        second_blur=replace(GAUSSIANS, chance=0.3, sigma=(0.2, 1.0)),
        second_resize=ResizeRange(grow=0.2, shrink=0.2, factor=(0.6, 1.2)),
        second_noise=NoiseRange(chance=0.5, gaussian=1.0, sigma=(1.0, 8.0)),
        last_jpeg=JpegRange(chance=0.7, quality=(60, 95)),
        last_sinc=0.0,
    ),
}


def preset(name: str) -> Degradation:
    """The degradation of this name."""
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise UsageError(f"degradation {name!r} is not known{suggestion(name, PRESETS)} (known: {known})")
    return PRESETS[name]
