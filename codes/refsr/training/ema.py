"""Exponential moving average (EMA) of G's weights: by a fixed decay, or by a half-life in images that ramps up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from refsr.core.options.train import TrainOptions

UpdateRule = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]
"""Averages, weights and the number of updates so far; updates the averages in place."""


def ema_decay(train: TrainOptions, images: float, batch: int) -> float:
    """The share of the average that an update of `batch` images keeps, after `images` images."""
    if not train.ema_halflife_images:
        return train.ema_decay
    half_life = train.ema_halflife_images
    if train.ema_ramp is not None:
        half_life = min(half_life, train.ema_ramp * images)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


def ema_copy(network: nn.Module, train: TrainOptions, batch: int) -> AveragedModel | None:
    """The averaged copy of a network; None if the options have no EMA."""
    if not train.ema_decay and not train.ema_halflife_images:
        return None
    average = AveragedModel(network, multi_avg_fn=update_rule(train, batch), use_buffers=True)
    average.eval()
    return average


def update_rule(train: TrainOptions, batch: int) -> UpdateRule:
    """How averages follow weights; torch itself copies the weights at the first update."""

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], updates: Tensor | int) -> None:
        fresh = 1 - ema_decay(train, float(updates) * batch, batch)
        floats = [(mine, theirs) for mine, theirs in zip(averages, weights, strict=True) if mine.is_floating_point()]
        if floats:
            torch._foreach_lerp_([mine for mine, _ in floats], [theirs for _, theirs in floats], fresh)
        for mine, theirs in zip(averages, weights, strict=True):
            if not mine.is_floating_point():
                mine.copy_(theirs)

    return update
