"""UniPC (Zhao et al. 2023): a predictor like DPM-Solver++, corrected by the next step's network evaluation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from refsr.tasks.diffusion.sigmas import Denoise

ORDER = 2
"""Denoised images that the predictor uses; the corrector uses one more, so the sampler is of order three."""


def unipc(denoise: Denoise, image: Tensor, sigmas: Sequence[float], order: int = ORDER) -> Tensor:
    """From `image`, which has the first sigma, down to the last one."""
    found = [(-math.log(sigmas[0]), denoise(image, sigmas[0]))]
    for sigma, next_sigma in itertools.pairwise(sigmas):
        if not next_sigma:
            return found[-1][1]
        now, clean = found[-1]
        then = -math.log(next_sigma)
        width = then - now
        held = next_sigma / sigma * image - math.expm1(-width) * clean
        earlier = found[:-1][-(order - 1) :] if order > 1 else []
        # Places and differences are relative to this step's denoised image, in widths of this step.
        places = [(at - now) / width for at, _ in earlier]
        differences = [other - clean for _, other in earlier]
        predicted = held + _polynomial_change(places, differences, width)
        answer = denoise(predicted, next_sigma)
        image = held + _polynomial_change([*places, 1.0], [*differences, answer - clean], width)
        found = [*found[-order:], (then, answer)]
    return image


def _polynomial_change(places: Sequence[float], differences: Sequence[Tensor], width: float) -> Tensor | float:
    """What the polynomial through zero and these differences adds over the step."""
    if not places:
        return 0.0
    count = len(places)
    integrals = np.array([_integral(power, width) for power in range(1, count + 1)])
    powers = np.array([[place**power for place in places] for power in range(1, count + 1)])
    weights = np.linalg.solve(powers, integrals)
    moved: Tensor | float = sum(float(weight) * one for weight, one in zip(weights, differences, strict=True))
    return moved


def _integral(power: int, width: float) -> float:
    """Of r ** power, r from 0 to 1, times exp(-width (1 - r)) width: by parts from power to power."""
    value = -math.expm1(-width)
    for order in range(1, power + 1):
        value = 1 - order * value / width
    return value
