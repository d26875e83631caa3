"""A camera from light to numbers: its sharpness, its view of colours, its noise and its tone curve."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

# The brightness that this fraction of the pixels stays below is exposed to this part of the range.
WHITE_QUANTILE = 0.985
WHITE_LEVEL = 0.62


@dataclass(frozen=True)
class Sensor:
    """One camera with its processing."""

    mixing: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    """How much of the scene's red, green and blue each of the camera's bands sees; rows sum to one."""
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    exposure: float = 1.0
    """Against the exposure that the scene's brightness asks for."""
    gamma: float = 2.2
    contrast: float = 0.0
    """Strength of the S-shaped part of the tone curve."""
    saturation: float = 1.0
    black: float = 0.0
    """Level of no light, as after a stretch or under haze that was not removed."""
    blur: float = 0.35
    """Standard deviation of optics and motion in pixels, beside the pixel's own area."""
    electrons: float = 12_000.0
    """Full well: the fewer, the more shot noise."""
    read: float = 12.0
    """Electrons of noise without light."""

    def softened(self, blur: float) -> Sensor:
        """The same behind optics that blur by another `blur` pixels."""
        return dataclasses.replace(self, blur=math.hypot(self.blur, blur))

    def expose(self, radiance: Array, level: float, generator: np.random.Generator, noise: float = 1.0) -> Floats:
        """(H, W, 3) light -> (H, W, 3) in [0, 1]; `level` is the light that comes out as one before the tone curve."""
        from scipy import ndimage

        light = np.asarray(radiance, np.float32)
        if self.blur > 0:
            light = ndimage.gaussian_filter(light, (self.blur, self.blur, 0), mode="mirror", truncate=3.0)
        seen = light @ np.asarray(self.mixing, np.float32).T
        seen = seen * (np.asarray(self.gains, np.float32) * np.float32(self.exposure / level))
        if noise > 0:
            sigma = noise * np.sqrt(np.maximum(seen, 0) * self.electrons + self.read**2) / self.electrons
            seen = seen + sigma.astype(np.float32) * generator.standard_normal(seen.shape, dtype=np.float32)
        return self._developed(seen)

    def _developed(self, seen: Floats) -> Floats:
        """Highlights roll off, then gamma, contrast, saturation and black level."""
        bright = np.clip(seen, 0, None)
        knee = np.float32(0.75)
        rolled = np.where(bright > knee, knee + (1 - knee) * (1 - np.exp(-(bright - knee) / (1 - knee))), bright)
        tone = np.power(rolled, np.float32(1 / self.gamma))
        tone = tone + np.float32(self.contrast) * tone * (1 - tone) * (2 * tone - 1)
        grey = tone.mean(axis=2, keepdims=True)
        tone = grey + np.float32(self.saturation) * (tone - grey)
        return np.asarray(np.clip(np.float32(self.black) + np.float32(1 - self.black) * tone, 0, 1), np.float32)


def draw_sensor(generator: np.random.Generator) -> Sensor:
    """A good camera, calibrated, with the small differences that any two have."""
    return _sensor(generator, mixed=0.06, gain=0.05, tone=0.3)


def draw_other_sensor(generator: np.random.Generator) -> Sensor:
    """A camera of another make, with bands and processing of its own."""
    return _sensor(generator, mixed=0.30, gain=0.17, tone=1.0)


def _sensor(generator: np.random.Generator, mixed: float, gain: float, tone: float) -> Sensor:
    mixing = np.eye(3) + generator.uniform(-0.3, 1.0, (3, 3)) * mixed * (1 - np.eye(3))
    mixing /= mixing.sum(axis=1, keepdims=True)
    gains = np.exp(generator.uniform(-gain, gain, 3))
    return Sensor(
        mixing=(_three(mixing[0]), _three(mixing[1]), _three(mixing[2])),
        gains=_three(gains / gains.mean()),
        exposure=float(np.exp(generator.uniform(-0.30, 0.20) * tone)),
        gamma=float(2.2 + generator.uniform(-0.40, 0.35) * tone),
        contrast=float(generator.uniform(-0.1, 0.9) * tone),
        saturation=float(1.0 + generator.uniform(-0.35, 0.40) * tone),
        black=float(generator.uniform(0, 0.07) * tone),
        blur=float(generator.uniform(0.25, 0.45)),
        electrons=float(np.exp(generator.uniform(np.log(8e3), np.log(3e4)))),
        read=float(generator.uniform(6, 25)),
    )


def interpolate_sensor(sensor: Sensor, other: Sensor, part: float) -> Sensor:
    """A sensor with colours and tones between the two, `part` 1 the other's; sharpness and noise are the other's.

    Beyond one the differences are exaggerated, within what a camera can be.
    """
    mixing = np.asarray(sensor.mixing) + part * (np.asarray(other.mixing) - np.asarray(sensor.mixing))
    gains = np.asarray(sensor.gains) + part * (np.asarray(other.gains) - np.asarray(sensor.gains))

    def way(name: str, low: float, high: float) -> float:
        start, end = float(getattr(sensor, name)), float(getattr(other, name))
        return min(max(start + part * (end - start), low), high)

    return dataclasses.replace(
        other,
        mixing=(_three(mixing[0]), _three(mixing[1]), _three(mixing[2])),
        gains=_three(np.clip(gains, 0.2, 3.0)),
        exposure=way("exposure", 0.3, 2.5),
        gamma=way("gamma", 1.4, 3.2),
        contrast=way("contrast", -0.3, 1.2),
        saturation=way("saturation", 0.2, 2.0),
        black=way("black", 0.0, 0.3),
    )


def light_level(radiance: Array) -> float:
    """The light that a camera's automatic exposure brings to full range for this scene."""
    level = float(np.quantile(radiance.mean(axis=2), WHITE_QUANTILE)) / WHITE_LEVEL
    return max(level, 1e-6)


def _three(values: Array) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
