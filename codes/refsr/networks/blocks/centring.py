"""Images in [0, 1] and the numbers that some networks want in their place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""RGB means of DIV2K's training images, which EDSR and SwinIR take off."""


class Centring(nn.Module):
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
