"""The second-order random chain: blur, resize, noise and JPEG, all of it twice, after Real-ESRGAN's idea.

Ranges and chances are those published for Real-ESRGAN; motion blur is added here and off unless asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from refsr.data.degradation import steps
from refsr.data.degradation.steps import Step

DrawRange = tuple[float, float]
GREATEST_SEED = 2**53


@dataclass(frozen=True)
class BlurRange:
    """Which blurs are drawn, and how strong; `shapes` are weights, `motion` and `sinc` chances that come first."""

    chance: float = 1.0
    sizes: tuple[int, ...] = (7, 9, 11, 13, 15, 17, 19, 21)
    round_gaussian: float = 0.45
    stretched_gaussian: float = 0.25
    round_generalised: float = 0.12
    stretched_generalised: float = 0.03
    round_plateau: float = 0.12
    stretched_plateau: float = 0.03
    sigma: DrawRange = (0.2, 3.0)
    generalised_beta: DrawRange = (0.5, 4.0)
    plateau_beta: DrawRange = (1.0, 2.0)
    sinc: float = 0.1
    motion: float = 0.0
    motion_length: DrawRange = (3.0, 15.0)

    def draw(self, generator: np.random.Generator) -> list[Step]:
        if generator.random() >= self.chance:
            return []
        if generator.random() < self.motion:
            return [steps.MotionBlur(_uniform(generator, self.motion_length), _uniform(generator, (0, math.pi)))]
        size = int(generator.choice(self.sizes))
        if generator.random() < self.sinc:
            return [draw_sinc(generator, size)]
        weights = np.array(
            [
                self.round_gaussian,
                self.stretched_gaussian,
                self.round_generalised,
                self.stretched_generalised,
                self.round_plateau,
                self.stretched_plateau,
            ]
        )
        family, stretched = divmod(int(generator.choice(6, p=weights / weights.sum())), 2)
        sigma_x = _uniform(generator, self.sigma)
        sigma_y = _uniform(generator, self.sigma) if stretched else sigma_x
        angle = _uniform(generator, (-math.pi, math.pi)) if stretched else 0.0
        if family == 0:
            return [steps.GaussianBlur(size, sigma_x, sigma_y, angle)]
        if family == 1:
            return [steps.GeneralisedBlur(size, sigma_x, sigma_y, angle, self._beta(generator, self.generalised_beta))]
        return [steps.PlateauBlur(size, sigma_x, sigma_y, angle, self._beta(generator, self.plateau_beta))]

    @staticmethod
    def _beta(generator: np.random.Generator, bounds: DrawRange) -> float:
        """Below one as often as above."""
        low, high = bounds
        part = (low, 1.0) if generator.random() < 0.5 else (1.0, high)
        return _uniform(generator, part)


@dataclass(frozen=True)
class ResizeRange:
    """How often an image grows, shrinks or stays, by how much, and with which kernels."""

    grow: float = 0.2
    shrink: float = 0.7
    factor: DrawRange = (0.15, 1.5)
    kernels: tuple[str, ...] = ("box", "linear", "bicubic")

    def draw(self, generator: np.random.Generator, height: float, width: float) -> list[Step]:
        chance = generator.random()
        factor = 1.0
        if chance < self.grow:
            factor = _uniform(generator, (1.0, self.factor[1]))
        elif chance < self.grow + self.shrink:
            factor = _uniform(generator, (self.factor[0], 1.0))
        kernel = str(generator.choice(self.kernels))
        return [steps.Resize(max(1, round(height * factor)), max(1, round(width * factor)), kernel)]


@dataclass(frozen=True)
class NoiseRange:
    """Gaussian or Poisson noise; standard deviations are in 255ths of the full range."""

    chance: float = 1.0
    gaussian: float = 0.5
    sigma: DrawRange = (1.0, 30.0)
    strength: DrawRange = (0.05, 3.0)
    grey: float = 0.4
    photons: float = 255.0

    def draw(self, generator: np.random.Generator) -> list[Step]:
        if generator.random() >= self.chance:
            return []
        grey = bool(generator.random() < self.grey)
        seed = int(generator.integers(GREATEST_SEED))
        if generator.random() < self.gaussian:
            return [steps.GaussianNoise(_uniform(generator, self.sigma) / 255, grey, seed)]
        return [steps.PoissonNoise(self.photons, _uniform(generator, self.strength), grey, seed)]


@dataclass(frozen=True)
class JpegRange:
    """The quality of a JPEG file."""

    chance: float = 1.0
    quality: tuple[int, int] = (30, 95)

    def draw(self, generator: np.random.Generator) -> list[Step]:
        if generator.random() >= self.chance:
            return []
        return [steps.Jpeg(int(generator.integers(self.quality[0], self.quality[1] + 1)))]


@dataclass(frozen=True)
class RandomChain:
    """Blur, resize, noise, JPEG; the same again, weaker; then the final size, ringing and JPEG in either order."""

    first_blur: BlurRange = BlurRange()
    first_resize: ResizeRange = ResizeRange()
    first_noise: NoiseRange = NoiseRange()
    first_jpeg: JpegRange = JpegRange()
    second_blur: BlurRange = BlurRange(chance=0.8, sigma=(0.2, 1.5))
    second_resize: ResizeRange = ResizeRange(grow=0.3, shrink=0.4, factor=(0.3, 1.2))
    second_noise: NoiseRange = NoiseRange(sigma=(1.0, 25.0), strength=(0.05, 2.5))
    last_jpeg: JpegRange = JpegRange()
    last_sinc: float = 0.8
    last_kernels: tuple[str, ...] = ("box", "linear", "bicubic")

    @property
    def compresses(self) -> bool:
        """Whether it may draw a JPEG step."""
        return self.first_jpeg.chance > 0 or self.last_jpeg.chance > 0

    def draw(self, generator: np.random.Generator, height: int, width: int, scale: int) -> list[Step]:
        """The steps that take an image of this size to one `scale` times smaller."""
        drawn = self.first_blur.draw(generator)
        drawn += self.first_resize.draw(generator, height, width)
        drawn += self.first_noise.draw(generator) + self.first_jpeg.draw(generator)
        drawn += self.second_blur.draw(generator)
        drawn += self.second_resize.draw(generator, height / scale, width / scale)
        drawn += self.second_noise.draw(generator)
        last: list[Step] = [steps.Resize(height // scale, width // scale, str(generator.choice(self.last_kernels)))]
        size = int(generator.choice(self.second_blur.sizes))
        if generator.random() < self.last_sinc:
            last.append(draw_sinc(generator, size))
        jpeg = self.last_jpeg.draw(generator)
        return drawn + (last + jpeg if generator.random() < 0.5 else jpeg + last)


def draw_sinc(generator: np.random.Generator, size: int) -> Step:
    """Ringing whose cut-off fits into a kernel of this size."""
    lowest = math.pi / 3 if size < 13 else math.pi / 5
    return steps.SincBlur(size, _uniform(generator, (lowest, math.pi)))


def _uniform(generator: np.random.Generator, bounds: DrawRange) -> float:
    return float(generator.uniform(*bounds))
