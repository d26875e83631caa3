"""The averaged copy of a network, by a fixed decay or by a half-life that grows with the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from refsr.core.options.train import TrainOptions

Rule = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]
"""Averages and weights, both lists of tensors, and how often there was averaging before; changes the averages."""


def decay(train: TrainOptions, images: float, batch: int) -> float:
    """How much of the average stays at a step of `batch` images after `images` were averaged."""
    if not train.ema_halflife_images:
        return train.ema_decay
    half_life = train.ema_halflife_images
    if train.ema_ramp is not None:
        half_life = min(half_life, train.ema_ramp * images)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


def averaged(network: nn.Module, train: TrainOptions, batch: int) -> AveragedModel | None:
    """A copy that follows the network, where the options ask for one."""
    if not train.ema_decay and not train.ema_halflife_images:
        return None
    average = AveragedModel(network, multi_avg_fn=rule(train, batch), use_buffers=True)
    average.eval()
    return average


def rule(train: TrainOptions, batch: int) -> Rule:
    """How averages follow weights; the first time they take them as they are, which is torch's own doing."""

    @torch.no_grad()
    def follow(averages: Sequence[Tensor], weights: Sequence[Tensor], before: Tensor | int) -> None:
        fresh = 1 - decay(train, float(before) * batch, batch)
        floats = [(mine, theirs) for mine, theirs in zip(averages, weights, strict=True) if mine.is_floating_point()]
        if floats:
            torch._foreach_lerp_([mine for mine, _ in floats], [theirs for _, theirs in floats], fresh)
        for mine, theirs in zip(averages, weights, strict=True):
            if not mine.is_floating_point():
                mine.copy_(theirs)

    return follow
