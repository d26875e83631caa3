"""A smooth random curve of brightness, as other seasons, lights and developments give: rising, flat or folding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from refsr.data.sample import Unit


HARMONICS = 3


@dataclass(frozen=True)
class ToneCurve:
    """g -> g + sum of amplitude * sin(pi * number * g + phase), numbers from 1 on."""

    amplitudes: tuple[float, ...]
    phases: tuple[float, ...]

    def of(self, brightness: Unit) -> Unit:
        """Brightness in [0, 1], any shape, after the curve; not clipped."""
        bent = brightness.copy()
        for number, (amplitude, phase) in enumerate(zip(self.amplitudes, self.phases, strict=True), 1):
            bent += np.float32(amplitude) * np.sin(np.float32(np.pi * number) * brightness + np.float32(phase))
        return bent

    def over(self, image: Unit) -> Unit:
        """(H, W, C) with its brightness bent; differences between bands stay."""
        brightness = image.mean(axis=2, keepdims=True)
        bent: Unit = np.clip(image + (self.of(brightness) - brightness), 0, 1)
        return bent


def draw_tone(generator: np.random.Generator, strength: float) -> ToneCurve:
    """The curve's slope differs from 1 by about 0.7 times the strength."""
    numbers = np.arange(1, HARMONICS + 1)
    amplitudes = strength * 0.4 * generator.standard_normal(HARMONICS) / (np.pi * numbers)
    phases = generator.uniform(0, 2 * np.pi, HARMONICS)
    return ToneCurve(tuple(float(one) for one in amplitudes), tuple(float(one) for one in phases))
