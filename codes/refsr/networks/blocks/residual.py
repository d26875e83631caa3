"""Residual blocks without normalisation."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.window import Window


class ResidualBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): two convolutions with a ReLU between them, times `scale`, added to the input."""

    def __init__(self, channels: int, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.second(F.relu(self.first(x)))
        return x + (change if self.scale == 1 else change * self.scale)


class ResidualChain(nn.Sequential):
    """(B, C, H, W) -> (B, C, H, W): residual blocks one after the other."""

    def __init__(self, channels: int, blocks: int, scale: float = 1.0) -> None:
        super().__init__(*(ResidualBlock(channels, scale) for _ in range(blocks)))

    def sees(self, output: Window) -> Window:
        """The window of the input under a window of the output."""
        return output.conv(times=2 * len(self))
