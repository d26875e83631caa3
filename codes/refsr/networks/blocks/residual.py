"""Residual blocks without normalization, as in EDSR."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.receptive_field import ReceptiveField


class ResidualBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): two convolutions with a ReLU between them, times `scale`, added to the input."""

    def __init__(self, channels: int, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.second(F.relu(self.first(x), inplace=True))
        return x + (residual if self.scale == 1 else residual * self.scale)


class ResidualChain(nn.Sequential):
    """(B, C, H, W) -> (B, C, H, W): residual blocks one after the other."""

    def __init__(self, channels: int, blocks: int, scale: float = 1.0) -> None:
        super().__init__(*(ResidualBlock(channels, scale) for _ in range(blocks)))

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The input pixels that these output pixels depend on."""
        return output.conv(times=2 * len(self))
