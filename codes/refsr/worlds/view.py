"""Where an image's pixels lie on a scene's canvas: shift, rotation, scale and lens distortion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from refsr.data.hardening.elastic import Elastic

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Fixed-point steps that invert the distortion; it is small, so each gains several digits.
INVERSION_STEPS = 12


@dataclass(frozen=True)
class View:
    """A square image of `size` pixels looking at the middle of a canvas of `canvas` pixels.

    An image point, displaced by `elastic` and seen from the centre, is distorted (radius r in half sides becomes
    r * (1 + k r^2)), turned, scaled and shifted (in canvas pixels) to the canvas. Points are (row, column) of pixel
    centres.
    """

    size: int
    canvas: int
    shift: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    """Degrees, clockwise as seen: image rows and columns lie turned on the canvas by it."""
    scale: float = 1.0
    """Canvas pixels an image pixel."""
    distortion: float = 0.0
    elastic: Elastic | None = None

    def to_canvas(self, points: Array) -> Doubles:
        """(..., 2) image points -> (..., 2) canvas points."""
        plain = np.asarray(points, np.float64)
        if self.elastic is not None:
            plain = plain + self.elastic.at(plain)
        offset = plain - (self.size - 1) / 2
        if self.distortion:
            offset = offset * self._stretch(offset)
        row, column = self._turned(offset, math.radians(self.rotation), self.scale)
        centre = (self.canvas - 1) / 2
        return np.stack([row + centre + self.shift[0], column + centre + self.shift[1]], axis=-1)

    def from_canvas(self, points: Array) -> Doubles:
        """(..., 2) canvas points -> (..., 2) image points, the inverse of `to_canvas`."""
        offset = np.asarray(points, np.float64) - ((self.canvas - 1) / 2 + np.asarray(self.shift))
        row, column = self._turned(offset, -math.radians(self.rotation), 1 / self.scale)
        distorted = np.stack([row, column], axis=-1)
        plain = distorted
        if self.distortion:
            for _ in range(INVERSION_STEPS):
                plain = distorted / self._stretch(plain)
        found = plain + (self.size - 1) / 2
        return found if self.elastic is None else self.elastic.undone(found)

    def grid(self) -> Doubles:
        """(size, size, 2) canvas points of all pixels."""
        line = np.arange(self.size, dtype=np.float64)
        return self.to_canvas(np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1))

    def sample(self, image: Array) -> Floats:
        """(canvas, canvas[, C]) linear values -> (size, size[, C]) by cubic splines: sharp, and exact at the nodes."""
        from scipy import ndimage

        if self._is_crop():
            top = round((self.canvas - self.size) / 2 + self.shift[0])
            left = round((self.canvas - self.size) / 2 + self.shift[1])
            return np.ascontiguousarray(image[top : top + self.size, left : left + self.size], np.float32)
        bands = image[..., None] if image.ndim == 2 else image
        result = np.empty((self.size, self.size, bands.shape[2]), np.float32)
        where = np.moveaxis(self.grid(), -1, 0)
        for band in range(bands.shape[2]):
            ndimage.map_coordinates(bands[:, :, band], where, output=result[:, :, band], order=3, mode="mirror")
        # Splines overshoot at sharp edges, but light is never negative.
        np.maximum(result, 0, out=result)
        return result[:, :, 0] if image.ndim == 2 else result

    def nearest(self, labels: Array) -> Array:
        """(canvas, canvas[, C]) -> (size, size[, C]), each pixel the nearest one of the canvas."""
        where = np.clip(np.rint(self.grid()).astype(np.int64), 0, self.canvas - 1)
        return np.ascontiguousarray(labels[where[:, :, 0], where[:, :, 1]])

    def _stretch(self, offset: Doubles) -> Doubles:
        radius = np.sum(np.square(offset / (self.size / 2)), axis=-1, keepdims=True)
        stretch: Doubles = 1 + self.distortion * radius
        return stretch

    @staticmethod
    def _turned(offset: Doubles, angle: float, scale: float) -> tuple[Doubles, Doubles]:
        cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
        row, column = offset[..., 0], offset[..., 1]
        return cosine * row + sine * column, cosine * column - sine * row

    def _is_crop(self) -> bool:
        first = (self.canvas - self.size) / 2
        whole = all((first + part).is_integer() for part in self.shift)
        return whole and self.rotation == 0 and self.scale == 1 and self.distortion == 0 and self.elastic is None
