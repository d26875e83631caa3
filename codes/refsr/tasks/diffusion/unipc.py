"""UniPC: a predictor like DPM-Solver++, corrected by the very evaluation that the next step needs anyway."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from refsr.tasks.diffusion.levels import Denoise

ORDER = 2
"""Answers that the predictor looks at; the corrector looks at one more, and the whole is of order three."""


def unipc(denoise: Denoise, image: Tensor, levels: Sequence[float], order: int = ORDER) -> Tensor:
    """From `image`, which lies at the first level, to the last one."""
    found = [(-math.log(levels[0]), denoise(image, levels[0]))]
    for level, below in itertools.pairwise(levels):
        if not below:
            return found[-1][1]
        now, clean = found[-1]
        then = -math.log(below)
        width = then - now
        held = below / level * image - math.expm1(-width) * clean
        earlier = found[:-1][-(order - 1) :] if order > 1 else []
        # Places and differences are counted from this step's answer, in widths of this step.
        places = [(at - now) / width for at, _ in earlier]
        differences = [other - clean for _, other in earlier]
        predicted = held + _moved(places, differences, width)
        answer = denoise(predicted, below)
        image = held + _moved([*places, 1.0], [*differences, answer - clean], width)
        found = [*found[-order:], (then, answer)]
    return image


def _moved(places: Sequence[float], differences: Sequence[Tensor], width: float) -> Tensor | float:
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
