"""The spatial branch of TSFNet, and how its features change size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Pair(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): two convolutions with a ReLU after each, the second after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + x)


class SpatialBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): residual pairs, a convolution, and the input scaled by a learned number."""

    def __init__(self, channels: int, pairs: int) -> None:
        super().__init__()
        self.pairs = nn.Sequential(*(Pair(channels) for _ in range(pairs)))
        self.closing = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.slope = nn.PReLU()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.slope(self.closing(self.pairs(x)))
        return found + self.scale * x


class Halving(nn.Module):
    """(B, C, H, W) -> (B, C, H/2, W/2), both sides even.

    Published as a convolution at full size, a pixel unshuffle and a 1 x 1 convolution. Nothing stands between them, so
    they are one convolution of 4 x 4 with stride two, which takes 0.4 of the products.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.gather = nn.Conv2d(4 * channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel().to(x.dtype), stride=2, padding=1)

    def kernel(self) -> Tensor:
        """(C, C, 4, 4), put together in float64, so that it is rounded once."""
        width = len(self.spread.weight)
        spread, gather = self.spread.weight.double(), self.gather.weight.double()
        with torch.autocast(spread.device.type, enabled=False):
            # For each place (dy, dx) within a pair of rows and columns, the convolution that it takes part in.
            products = gather.reshape(-1, width, 4).permute(2, 0, 1) @ spread.flatten(1)
        placed = products.reshape(2, 2, -1, width, 3, 3)
        parts = [F.pad(placed[dy, dx], (dx, 1 - dx, dy, 1 - dy)) for dy in range(2) for dx in range(2)]
        return torch.stack(parts).sum(dim=0).to(self.spread.weight.dtype)


def doubling(channels: int) -> nn.Sequential:
    """(B, C, H, W) -> (B, C, 2H, 2W)."""
    return nn.Sequential(nn.Conv2d(channels, 4 * channels, 1), nn.PixelShuffle(2), nn.PReLU())
