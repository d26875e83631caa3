"""Noise levels that a sampler passes on its way down, and the noise that the published one adds on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from refsr.core.errors import UsageError

Denoise = Callable[[Tensor, float], Tensor]
"""An image (B, C, H, W) and its noise level -> the clean image that is expected, in the image's type."""
Noise = Callable[[int], Tensor]
"""The number of a step -> unit noise of the image's shape."""

MOST_CHURN = math.sqrt(2) - 1


def noise_levels(steps: int, lowest: float = 0.002, highest: float = 80.0, rho: float = 7.0) -> list[float]:
    """`steps` levels that fall from `highest` to `lowest`, ever more slowly, and then 0."""
    if steps < 1:
        raise UsageError(f"{steps} steps, expected 1 or more")
    if not 0 < lowest < highest:
        raise UsageError(
            f"noise levels from {highest:g} down to {lowest:g}, expected two that fall and stay above zero"
        )
    top, bottom = highest ** (1 / rho), lowest ** (1 / rho)
    falling = [(top + at / max(1, steps - 1) * (bottom - top)) ** rho for at in range(steps)]
    return [*falling, 0.0]


@dataclass(frozen=True)
class Churn:
    """Noise added before a step, which removes more in turn: `amount` shared by all steps, between two levels."""

    amount: float = 40.0
    lowest: float = 0.05
    highest: float = 50.0
    size: float = 1.003
    """How much more than what the level asks for."""

    def raised(self, level: float, steps: int) -> tuple[float, float]:
        """The level that a step begins at, and the factor of the unit noise that leads there."""
        share = min(self.amount / steps, MOST_CHURN) if self.lowest <= level <= self.highest else 0.0
        raised = level * (1 + share)
        return raised, math.sqrt(raised**2 - level**2) * self.size


CALM = Churn(amount=0.0)


def evaluations(sampler: str, steps: int) -> int:
    """How often a sampler asks the denoiser on so many levels above zero."""
    twice = 2 * steps - 1
    return {"published": twice, "heun": twice, "dpm3m": steps + (steps > 1)}.get(sampler, steps)
