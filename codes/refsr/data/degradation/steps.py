"""The steps of degradations, each with every number it needs, so that a list of steps replays exactly.

Steps work on (H, W, C) float64 where 1 is the type's full range: in float32 a pixel near one half would be rounded
to one side on this machine and to the other on that. Only those that a camera or a file would clip do so,
and only on images that came as integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator
from refsr.data.degradation import kernels
from refsr.data.degradation.levels import FloatImage, Image, levels_of, normalised, quantised
from refsr.ops.resize import imresize


@dataclass(frozen=True)
class Step:
    """One step of a degradation; `kind` is its name in a record."""

    kind: ClassVar[str]

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        """The image after it; `levels` is 255 or 65535 for images of integers, None for floats."""
        raise NotImplementedError


def _convolved(image: FloatImage, kernel: kernels.Kernel, replicate: bool = False) -> FloatImage:
    """Correlation with the kernel, whose centre is the upper left of four for even sizes; mirrored borders."""
    import cv2

    anchor = ((kernel.shape[1] - 1) // 2, (kernel.shape[0] - 1) // 2)
    border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_REFLECT
    result = cv2.filter2D(image, cv2.CV_64F, kernel, anchor=anchor, borderType=border)
    return np.asarray(result, np.float64).reshape(image.shape)


@dataclass(frozen=True)
class GaussianBlur(Step):
    """A Gaussian, round or stretched."""

    kind = "gaussian blur"
    size: int
    sigma_x: float
    sigma_y: float
    angle: float = 0.0
    replicate: bool = False

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        kernel = kernels.gaussian(self.size, self.sigma_x, self.sigma_y, self.angle)
        return _convolved(image, kernel, self.replicate)


@dataclass(frozen=True)
class GeneralisedBlur(Step):
    """A Gaussian whose exponent is raised to `beta`."""

    kind = "generalised blur"
    size: int
    sigma_x: float
    sigma_y: float
    angle: float
    beta: float

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        kernel = kernels.generalised(self.size, self.sigma_x, self.sigma_y, self.angle, self.beta)
        return _convolved(image, kernel)


@dataclass(frozen=True)
class PlateauBlur(Step):
    """A plateau with long tails."""

    kind = "plateau blur"
    size: int
    sigma_x: float
    sigma_y: float
    angle: float
    beta: float

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        return _convolved(image, kernels.plateau(self.size, self.sigma_x, self.sigma_y, self.angle, self.beta))


@dataclass(frozen=True)
class SincBlur(Step):
    """An ideal low-pass, which rings along edges."""

    kind = "sinc blur"
    size: int
    cutoff: float

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        return _convolved(image, kernels.sinc(self.size, self.cutoff))


@dataclass(frozen=True)
class MotionBlur(Step):
    """A straight move of the camera."""

    kind = "motion blur"
    length: float
    angle: float

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        return _convolved(image, kernels.motion(self.length, self.angle))


@dataclass(frozen=True)
class Resize(Step):
    """To a size by MATLAB's imresize with one of its kernels; `each_axis` rounds as MATLAB does for integers."""

    kind = "resize"
    height: int
    width: int
    kernel: str = "bicubic"
    each_axis: bool = False

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        size = (self.height, self.width)
        if not self.each_axis or levels is None:
            return imresize(image, size=size, kernel=self.kernel)
        whole = imresize(quantised(image, levels), size=size, kernel=self.kernel, rounding="axis")
        return normalised(whole)


@dataclass(frozen=True)
class Subsample(Step):
    """Every `factor`-th row and column, from `first` on."""

    kind = "subsample"
    factor: int
    first: int

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        return np.ascontiguousarray(image[self.first :: self.factor, self.first :: self.factor])


@dataclass(frozen=True)
class Detector(Step):
    """Square detector elements of `factor` pixels: each gives the mean of what falls on it."""

    kind = "detector"
    factor: int

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        height, width, bands = image.shape
        tiles = image.reshape(height // self.factor, self.factor, width // self.factor, self.factor, bands)
        return np.asarray(tiles.mean(axis=(1, 3)))


@dataclass(frozen=True)
class GaussianNoise(Step):
    """Normal noise of standard deviation `sigma` (1 is full range), each band its own or all the same (`grey`)."""

    kind = "gaussian noise"
    sigma: float
    grey: bool
    seed: int

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        shape = (*image.shape[:2], 1 if self.grey else image.shape[2])
        noise = numpy_generator(self.seed, self.kind).standard_normal(shape)
        return _limited(image + self.sigma * noise, levels)


@dataclass(frozen=True)
class PoissonNoise(Step):
    """Shot noise of a sensor that counts `photons` at full range, made stronger or weaker by `strength`."""

    kind = "poisson noise"
    photons: float
    strength: float
    grey: bool
    seed: int

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        light = image.mean(axis=2, keepdims=True) if self.grey else image
        counted = _counted(light, self.photons, numpy_generator(self.seed, self.kind))
        return _limited(image + self.strength * (counted - light), levels)


@dataclass(frozen=True)
class SensorNoise(Step):
    """Shot noise of `electrons` at full range, and read noise of `read` electrons."""

    kind = "sensor noise"
    electrons: float
    read: float
    seed: int

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        generator = numpy_generator(self.seed, self.kind)
        counted = _counted(image, self.electrons, generator)
        read = generator.standard_normal(image.shape) * (self.read / self.electrons)
        return _limited(counted + read, levels)


@dataclass(frozen=True)
class Jpeg(Step):
    """Through a JPEG file of 8 bits and one or three bands."""

    kind = "jpeg"
    quality: int

    def apply(self, image: FloatImage, levels: int | None) -> FloatImage:
        import cv2

        if levels != 255 or image.shape[2] not in (1, 3):
            given = {None: "floats", 65535: "16 bits"}.get(levels, "8 bits")
            raise DataError(
                f"a JPEG step needs 8 bits and 1 or 3 bands, the image has {given} and {image.shape[2]} bands; "
                "'real-esrgan-lossless', 'mtf' and 'bicubic' are degradations without JPEG"
            )
        whole = np.ascontiguousarray(quantised(image, levels)[:, :, ::-1])
        _, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)).reshape(whole.shape)
        return normalised(decoded[:, :, ::-1])


def _counted(light: FloatImage, photons: float, generator: np.random.Generator) -> FloatImage:
    """Poisson counts of the light, as light again; there is no negative light to count."""
    return np.asarray(generator.poisson(np.maximum(light, 0) * photons) / photons)


def _limited(image: FloatImage, levels: int | None) -> FloatImage:
    return image if levels is None else np.clip(image, 0, 1)


def apply_steps(image: Image, steps: Sequence[Step]) -> FloatImage:
    """(H, W, C) of uint8, uint16 or float32 -> what the steps leave, full range 1, not yet quantised."""
    levels = levels_of(image)
    work = normalised(image)
    for step in steps:
        work = step.apply(work, levels)
    return work


KINDS: dict[str, type[Step]] = {
    step.kind: step
    for step in (
        GaussianBlur,
        GeneralisedBlur,
        PlateauBlur,
        SincBlur,
        MotionBlur,
        Resize,
        Subsample,
        Detector,
        GaussianNoise,
        PoissonNoise,
        SensorNoise,
        Jpeg,
    )
}
