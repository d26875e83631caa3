"""The second-order sampler of EDM, with the churn of the published Ref-Diff or without."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor

from refsr.tasks.diffusion.levels import CALM, Churn, Denoise, Noise


def heun(
    denoise: Denoise, image: Tensor, levels: Sequence[float], churn: Churn = CALM, noise: Noise | None = None
) -> Tensor:
    """From `image`, which lies at the first level, to the last one; the step to level zero is of first order.

    The unit noise of a step is asked for even where its factor is zero, so that each step has its own.
    """
    steps = len(levels) - 1
    for step, (level, below) in enumerate(itertools.pairwise(levels)):
        raised, factor = churn.raised(level, steps)
        if noise is not None:
            image = image + factor * noise(step)
        slope = (image - denoise(image, raised)) / raised
        lower = image + (below - raised) * slope
        if below:
            next_slope = (lower - denoise(lower, below)) / below
            lower = image + (below - raised) * (slope + next_slope) / 2
        image = lower
    return image
