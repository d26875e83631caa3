"""DPM-Solver++ in its multistep forms: an evaluation a step, and what earlier steps found for the order.

With the noise level s, time runs as -ln s, and an image moves by (t / s) x + (1 - t / s) times what the denoiser is
expected to say on the way; its course there is a line (2M) or a parabola (3M) through the last answers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor

from refsr.tasks.diffusion.levels import Denoise


def dpm_solver_2m(denoise: Denoise, image: Tensor, levels: Sequence[float]) -> Tensor:
    """From `image`, which lies at the first level, to the last one; of second order."""
    before: tuple[float, Tensor] | None = None
    for level, below in itertools.pairwise(levels):
        clean = denoise(image, level)
        if not below:
            return clean
        width = math.log(level / below)
        aim = clean
        if before is not None:
            aim = clean + (clean - before[1]) * (width / (2 * before[0]))
        image = _moved(image, aim, level, below)
        before = width, clean
    return image


def dpm_solver_3m(denoise: Denoise, image: Tensor, levels: Sequence[float]) -> Tensor:
    """The same of third order. The first step looks half-way too, as no earlier one can lend it its order."""
    found: list[tuple[float, Tensor]] = []
    for level, below in itertools.pairwise(levels):
        clean = denoise(image, level)
        if not below:
            return clean
        width = math.log(level / below)
        if not found:
            middle = math.sqrt(level * below)
            aim = denoise(_moved(image, clean, level, middle), middle)
            image = _moved(image, aim, level, below)
        else:
            image = _along_polynomial(image, clean, found[-2:], level, below)
        found = [*found[-1:], (width, clean)]
    return image


def _moved(image: Tensor, aim: Tensor, level: float, below: float) -> Tensor:
    """Towards `aim` by as much as the noise falls."""
    return below / level * image + (1 - below / level) * aim


def _along_polynomial(
    image: Tensor, clean: Tensor, before: Sequence[tuple[float, Tensor]], level: float, below: float
) -> Tensor:
    """A step with one earlier answer or two, each with the width of the step that it began."""
    width = math.log(level / below)
    # How often the polynomial's powers count: their integrals over the step under exp, by parts.
    whole = -math.expm1(-width)
    for_slope = 1 - whole / width
    for_bend = 1 - 2 * for_slope / width
    near, last = before[-1]
    slope = (clean - last) * (width / near)
    moved = below / level * image + whole * clean
    if len(before) == 1:
        return moved + for_slope * slope
    far, earlier = before[0]
    second = (last - earlier) * (width / far)
    ratios = near / width, far / width
    bend = (slope - second) / (ratios[0] + ratios[1])
    slope = slope + ratios[0] * bend
    return moved + for_slope * slope + for_bend * bend
