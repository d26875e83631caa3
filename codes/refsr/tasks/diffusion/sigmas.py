"""The noise levels (sigmas) of a sampler, and the noise that the stochastic one adds (Karras et al., EDM, 2022)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from refsr.core.errors import UsageError

Denoise = Callable[[Tensor, float], Tensor]
"""An image (B, C, H, W) and its sigma -> the expected clean image, in the image's dtype."""
Noise = Callable[[str | int], Tensor]
"""The number or name of a draw -> unit normal noise of the image's shape."""

MAX_CHURN = math.sqrt(2) - 1


def karras_sigmas(steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> list[float]:
    """`steps` noise levels from sigma_max down to sigma_min, spaced by rho, and then 0 (equation 5 of the paper)."""
    if steps < 1:
        raise UsageError(f"{steps} steps, expected 1 or more")
    if not 0 < sigma_min < sigma_max:
        raise UsageError(f"noise levels from {sigma_max:g} down to {sigma_min:g}, expected two falling ones above zero")
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    falling = [(top + at / max(1, steps - 1) * (bottom - top)) ** rho for at in range(steps)]
    return [*falling, 0.0]


@dataclass(frozen=True)
class Churn:
    """The noise that a stochastic sampler adds before each step, by the names of Karras et al. (2022), algorithm 2."""

    S_churn: float = 40.0
    """Amount of noise, shared equally by all steps."""
    S_min: float = 0.05
    S_max: float = 50.0
    """Noise is added only at sigmas from S_min to S_max."""
    S_noise: float = 1.003
    """Standard deviation of the added noise, relative to what sigma asks for."""

    def raised(self, sigma: float, steps: int) -> tuple[float, float]:
        """The sigma at which a step starts after the added noise, and the factor of that unit noise."""
        gamma = min(self.S_churn / steps, MAX_CHURN) if self.S_min <= sigma <= self.S_max else 0.0
        raised = sigma * (1 + gamma)
        return raised, math.sqrt(raised**2 - sigma**2) * self.S_noise


NO_CHURN = Churn(S_churn=0.0)
