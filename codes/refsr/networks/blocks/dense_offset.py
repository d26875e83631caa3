"""DIDConv's dense branch: two features compared under several kernel sizes, for samples to be moved by."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.window import Window

KERNELS = (3, 5, 7)


class DenseOffset(nn.Module):
    """Two features (B, C, H, W) -> what moves samples of a third (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.compare = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.look = nn.ModuleList(nn.Conv2d(channels, channels, side, padding=side // 2) for side in KERNELS)
        self.join = nn.Conv2d(len(KERNELS) * channels, channels, 3, padding=1)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        compared = F.leaky_relu(self.compare(torch.cat((one, other), dim=1)), 0.1)
        seen = torch.cat([F.leaky_relu(look(compared), 0.1) for look in self.look], dim=1)
        return F.leaky_relu(self.join(seen), 0.1) + compared

    def sees(self, output: Window) -> Window:
        """The window of both features under a window of the output."""
        return output.conv().conv(max(KERNELS)).conv()
