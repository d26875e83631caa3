"""A camera with two lenses: the short one sees much ground coarsely, the long one a part of it sharply.

The long lens makes HR and Ref, the short one LR. Both look at one moment; what differs is each lens's sharpness, noise
and distortion, and the small angle between their axes.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from refsr.worlds.sensor import Floats, Sensor
from refsr.worlds.view import View


@dataclass(frozen=True)
class Lens:
    """What a lens adds to a scene: where its axis points, how it bends, how soft it is."""

    shift: tuple[float, float]
    """Boresight: where the lens's axis meets the ground, in HR pixels off the other's."""
    rotation: float
    """Degrees about its axis."""
    scale: float
    distortion: float
    """Radial, at half a side from the centre; with a positive one the corners see more ground (a barrel)."""

    def view(self, size: int, canvas: int) -> View:
        """The view of an image of `size` pixels on a canvas."""
        return View(size, canvas, self.shift, self.rotation, self.scale, self.distortion)


@dataclass(frozen=True)
class DualZoom:
    """The two lenses of one camera on one scene."""

    long: Lens
    short: Lens
    short_sensor: Sensor


def draw_dual_zoom(
    generator: np.random.Generator, sensor: Sensor, size: int, shift: float, rotation: float, scale_percent: float
) -> DualZoom:
    """Ref's long lens, off by up to a boresight of `shift` pixels, and LR's short one, calibrated to HR's frame.

    A calibrated short lens keeps a rest of distortion: at LR's corner less than half an HR pixel, so LR stays LR.
    """
    long = Lens(
        draw_shift(generator, shift),
        float(generator.uniform(-rotation, rotation)),
        1 + float(generator.uniform(-scale_percent, scale_percent)) / 100,
        float(generator.uniform(-0.004, 0.004)),
    )
    rest = float(generator.uniform(-0.35, 0.35)) / (size / math.sqrt(2))
    short = Lens((0.0, 0.0), 0.0, 1.0, rest / 2)
    short_sensor = dataclasses.replace(
        sensor,
        blur=float(generator.uniform(0.45, 0.65)),
        electrons=sensor.electrons * float(generator.uniform(0.35, 0.7)),
        read=sensor.read * float(generator.uniform(1.0, 1.8)),
        exposure=sensor.exposure * float(generator.uniform(0.94, 1.06)),
    )
    return DualZoom(long, short, short_sensor)


def draw_shift(generator: np.random.Generator, largest: float) -> tuple[float, float]:
    """A shift of 0.4 to 1 times the largest, in any direction."""
    length, direction = largest * float(generator.uniform(0.4, 1)), float(generator.uniform(0, 2 * math.pi))
    return length * math.sin(direction), length * math.cos(direction)


def short_lens_light(radiance: Floats, dual: DualZoom, size: int, scale: int) -> Floats:
    """(canvas, canvas, 3) light -> (size/scale, size/scale, 3): bent by the short lens, then summed over its pixels."""
    fine = dual.short.view(size, radiance.shape[0]).sample(radiance)
    cells = fine.reshape(size // scale, scale, size // scale, scale, fine.shape[2])
    return np.asarray(cells.mean(axis=(1, 3)), np.float32)
