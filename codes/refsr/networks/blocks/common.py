"""What constructors of networks share: checks of their keywords, initial weights, and the mean shift of images."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion

GlobalSkip = Literal["none", "enlarged"]
GLOBAL_SKIPS = ("none", "enlarged")
"""What a result is counted from: nothing, or LR at the result's size."""


def require_least(network: str, least: int, **keywords: float) -> None:
    """A UsageError that names the first keyword below `least`."""
    for name, value in keywords.items():
        if value < least:
            raise UsageError(f"{network}: {name} is {value}, expected {least} or more")


def require_known(network: str, known: Collection[str], **keywords: str) -> None:
    """A UsageError that names the first keyword whose word is not among the known ones, and the nearest of them."""
    for name, word in keywords.items():
        if word not in known:
            hint = suggestion(str(word), known)
            raise UsageError(f"{network}: {name} {word!r} is not known{hint} (known: {', '.join(known)})")


Init = Literal["released", "kaiming"]
INITS = ("released", "kaiming")
"""PyTorch's own, as published; or weights that keep the size of what comes in."""


def kaiming_init(layer: nn.Conv2d | nn.Linear, slope: float, times: float = 1.0) -> None:
    """Weights that keep the size of features behind leaky activations, or make it `times` as large."""
    nn.init.kaiming_normal_(layer.weight, slope)
    with torch.no_grad():
        layer.weight.mul_(times)


DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""RGB means of DIV2K's training images, which EDSR and SwinIR take off."""


class MeanShift(nn.Module):
    """(B, C, H, W) in [0, 1] -> the same without DIV2K's mean colour, times `span`; `back` undoes it.

    Images of other than three bands keep their mean.
    """

    mean: Tensor

    def __init__(self, channels: int, span: float = 1.0) -> None:
        super().__init__()
        mean = DIV2K_MEAN if channels == len(DIV2K_MEAN) else (0.0,) * channels
        self.register_buffer("mean", torch.tensor(mean).reshape(channels, 1, 1), persistent=False)
        self.span = span

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) * self.span

    def back(self, values: Tensor) -> Tensor:
        """Values as the network has them -> an image."""
        return values / self.span + self.mean
