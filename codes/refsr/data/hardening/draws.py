"""What one reference gets of a hardness: a function of seed and name alone, each kind from a generator of its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.data.degradation import steps
from refsr.data.degradation.chain import GREATEST_SEED
from refsr.data.degradation.mtf import gaussian_size
from refsr.data.degradation.record import to_record
from refsr.data.degradation.steps import Step
from refsr.data.hardening.elastic import Elastic, draw_elastic
from refsr.data.hardening.hardness import BEST_JPEG, Hardness
from refsr.data.hardening.tone import ToneCurve, draw_tone

FINER = (1.5, 6.0)
"""Texture is what is finer than a Gaussian of so many pixels."""


@dataclass(frozen=True)
class Hardening:
    """How one reference is made harder."""

    wrong: bool = False
    texture: float = 0.0
    """Share of the ground."""
    finer: float = FINER[0]
    replaced: float = 0.0
    """Share of the ground."""
    tone: ToneCurve | None = None
    elastic: Elastic | None = None
    recorded: tuple[Step, ...] = ()
    """Blur, noise and JPEG."""

    def record(self) -> dict[str, Any]:
        """As plain numbers."""
        plain = dataclasses.asdict(self)
        return {**plain, "recorded": to_record(self.recorded)}


def draw_hardening(hardness: Hardness, seed: int, name: str | int) -> Hardening:
    """The hardening of the reference of this name."""

    def generator(purpose: str) -> np.random.Generator:
        return numpy_generator(seed, "hardening", purpose, name)

    ground, air, edges = generator("ground"), generator("tone"), generator("jitter")
    texture, replaced = (float(ground.uniform(0.25, 1)) * most for most in (hardness.texture, hardness.replaced))
    finer = float(np.exp(ground.uniform(*np.log(FINER))))
    return Hardening(
        wrong=bool(generator("wrong").random() < hardness.wrong),
        texture=texture,
        finer=finer,
        replaced=replaced,
        tone=draw_tone(air, float(air.uniform(0.25, 1)) * hardness.tone) if hardness.tone > 0 else None,
        elastic=draw_elastic(edges, float(edges.uniform(0.25, 1)) * hardness.jitter) if hardness.jitter > 0 else None,
        recorded=_draw_recording(generator("recording"), hardness),
    )


def _draw_recording(generator: np.random.Generator, hardness: Hardness) -> tuple[Step, ...]:
    sigma, noise = (float(generator.uniform(0.1, 1)) * most for most in (hardness.blur, hardness.noise))
    seed = int(generator.integers(GREATEST_SEED))
    quality = int(generator.integers(min(hardness.jpeg, BEST_JPEG), BEST_JPEG + 1))
    drawn: list[Step] = []
    if sigma > 0:
        drawn.append(steps.GaussianBlur(gaussian_size(sigma), sigma, sigma))
    if noise > 0:
        drawn.append(steps.GaussianNoise(noise / 255, False, seed))
    if hardness.jpeg:
        drawn.append(steps.Jpeg(quality))
    return tuple(drawn)
