"""The second-order sampler of EDM (Heun's method), deterministic or with churn as in the published Ref-Diff."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor

from refsr.tasks.diffusion.sigmas import NO_CHURN, Churn, Denoise, Noise


def heun(
    denoise: Denoise, image: Tensor, sigmas: Sequence[float], churn: Churn = NO_CHURN, noise: Noise | None = None
) -> Tensor:
    """From `image`, which has the first sigma, down to the last one; the step to zero is of first order.

    The unit noise of a step is drawn even where its factor is zero, so that each step has its own draw.
    """
    steps = len(sigmas) - 1
    for step, (sigma, next_sigma) in enumerate(itertools.pairwise(sigmas)):
        raised, factor = churn.raised(sigma, steps)
        if noise is not None:
            image = image + factor * noise(step)
        slope = (image - denoise(image, raised)) / raised
        lower = image + (next_sigma - raised) * slope
        if next_sigma:
            next_slope = (lower - denoise(lower, next_sigma)) / next_sigma
            lower = image + (next_sigma - raised) * (slope + next_slope) / 2
        image = lower
    return image
