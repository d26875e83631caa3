"""Shared by all networks: checks of constructor keywords, weight initialization, and the mean shift of images."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion

GlobalSkip = Literal["none", "upsampled"]
GLOBAL_SKIPS = ("none", "upsampled")
"""Whether the upsampled LR is added to the network's output."""


def require_least(network: str, least: int, **keywords: float) -> None:
    """A UsageError that names the first keyword below `least`."""
    for name, value in keywords.items():
        if value < least:
            raise UsageError(f"{network}: {name} is {value}, expected {least} or more")


def require_known(network: str, known: Collection[str], **keywords: str) -> None:
    """A UsageError that names the first keyword whose value is not known, and the nearest known one."""
    for name, value in keywords.items():
        if value not in known:
            hint = suggestion(str(value), known)
            raise UsageError(f"{network}: {name} {value!r} is not known{hint} (known: {', '.join(known)})")


Init = Literal["released", "kaiming"]
INITS = ("released", "kaiming")
"""PyTorch's default, as published, or Kaiming normal."""


def kaiming_init(layer: nn.Conv2d | nn.Linear, slope: float, gain: float = 1.0) -> None:
    """Kaiming normal weights for leaky activations of this slope, times `gain`."""
    nn.init.kaiming_normal_(layer.weight, slope)
    with torch.no_grad():
        layer.weight.mul_(gain)


DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""RGB means of DIV2K's training images, which EDSR and SwinIR subtract."""


class MeanShift(nn.Module):
    """(B, C, H, W) in [0, 1] -> the same minus DIV2K's mean colour, times `span`; `back` is the inverse.

    Images of other than three channels keep their mean.
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
        """The network's values -> an image."""
        return values / self.span + self.mean
