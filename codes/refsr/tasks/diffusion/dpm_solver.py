"""DPM-Solver++ (Lu et al. 2022), multistep 2M and 3M: one network evaluation a step, earlier ones give the order.

Time is -ln sigma. Over a step from s to t an image moves to (t / s) x + (1 - t / s) D, where D is the denoised image
expected along the step: extrapolated by a line (2M) or a parabola (3M) through the last denoised images.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor

from refsr.tasks.diffusion.sigmas import Denoise


def dpm_solver_2m(denoise: Denoise, image: Tensor, sigmas: Sequence[float]) -> Tensor:
    """From `image`, which has the first sigma, down to the last one; second order."""
    before: tuple[float, Tensor] | None = None
    for sigma, next_sigma in itertools.pairwise(sigmas):
        clean = denoise(image, sigma)
        if not next_sigma:
            return clean
        width = math.log(sigma / next_sigma)
        aim = clean
        if before is not None:
            aim = clean + (clean - before[1]) * (width / (2 * before[0]))
        image = _step_towards(image, aim, sigma, next_sigma)
        before = width, clean
    return image


def dpm_solver_3m(denoise: Denoise, image: Tensor, sigmas: Sequence[float]) -> Tensor:
    """The same with third order. The first step takes a second evaluation half-way, as it has no earlier ones."""
    found: list[tuple[float, Tensor]] = []
    for sigma, next_sigma in itertools.pairwise(sigmas):
        clean = denoise(image, sigma)
        if not next_sigma:
            return clean
        width = math.log(sigma / next_sigma)
        if not found:
            middle = math.sqrt(sigma * next_sigma)
            aim = denoise(_step_towards(image, clean, sigma, middle), middle)
            image = _step_towards(image, aim, sigma, next_sigma)
        else:
            image = _polynomial_step(image, clean, found[-2:], sigma, next_sigma)
        found = [*found[-1:], (width, clean)]
    return image


def _step_towards(image: Tensor, aim: Tensor, sigma: float, next_sigma: float) -> Tensor:
    """Moves towards the denoised image `aim` in proportion to the fall of sigma."""
    return next_sigma / sigma * image + (1 - next_sigma / sigma) * aim


def _polynomial_step(
    image: Tensor, clean: Tensor, before: Sequence[tuple[float, Tensor]], sigma: float, next_sigma: float
) -> Tensor:
    """A step with one or two earlier denoised images, each with the width of the step that it began."""
    width = math.log(sigma / next_sigma)
    # Weights of the polynomial's powers: their integrals over the step under exp, by parts.
    whole = -math.expm1(-width)
    for_slope = 1 - whole / width
    for_bend = 1 - 2 * for_slope / width
    near, last = before[-1]
    slope = (clean - last) * (width / near)
    moved = next_sigma / sigma * image + whole * clean
    if len(before) == 1:
        return moved + for_slope * slope
    far, earlier = before[0]
    second = (last - earlier) * (width / far)
    ratios = near / width, far / width
    bend = (slope - second) / (ratios[0] + ratios[1])
    slope = slope + ratios[0] * bend
    return moved + for_slope * slope + for_bend * bend
