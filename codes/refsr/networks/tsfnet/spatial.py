"""TSFNet's spatial branch, downsampling and upsampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpatialResBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): two convolutions, a ReLU behind the first and one behind the sum with the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + x)


class SpatialBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): residual blocks, a convolution with PReLU, and the input times a learned scalar."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(SpatialResBlock(channels) for _ in range(blocks)))
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.act = nn.PReLU()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.act(self.conv(self.blocks(x)))
        return result + self.scale * x


class Downsample(nn.Module):
    """(B, C, H, W) -> (B, C, H/2, W/2), both sides even.

    Published as a convolution at full size, a pixel unshuffle and a 1 x 1 convolution. There is no activation
    between them, so they are computed as one 4 x 4 convolution of stride two, with 0.4 of the multiply-accumulates.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.reduce = nn.Conv2d(4 * channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel().to(x.dtype), stride=2, padding=1)

    def kernel(self) -> Tensor:
        """The combined kernel (C, C, 4, 4), computed in float64 and rounded once."""
        width = len(self.conv.weight)
        conv, reduce = self.conv.weight.double(), self.reduce.weight.double()
        with torch.autocast(conv.device.type, enabled=False):
            # For each place (dy, dx) within a pair of rows and columns, the convolution that it takes part in.
            products = reduce.reshape(-1, width, 4).permute(2, 0, 1) @ conv.flatten(1)
        placed = products.reshape(2, 2, -1, width, 3, 3)
        parts = [F.pad(placed[dy, dx], (dx, 1 - dx, dy, 1 - dy)) for dy in range(2) for dx in range(2)]
        return torch.stack(parts).sum(dim=0).to(self.conv.weight.dtype)


def upsample(channels: int) -> nn.Sequential:
    """(B, C, H, W) -> (B, C, 2H, 2W): 1x1 convolution, pixel shuffle, PReLU."""
    return nn.Sequential(nn.Conv2d(channels, 4 * channels, 1), nn.PixelShuffle(2), nn.PReLU())
