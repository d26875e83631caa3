"""RAM, the relevance attention module: how much of an aligned reference feature to believe."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.window import Window


class RelevanceAttention(nn.Module):
    """Features (B, C, H, W) scaled and shifted by themselves and conditions (B, D, H, W) -> (B, C, H, W).

    Scale, a sigmoid, and shift come from two convolutions each over both inputs side by side.
    """

    def __init__(self, channels: int, conditions: int, hidden: int = 32) -> None:
        super().__init__()
        self.scale_hidden = nn.Conv2d(channels + conditions, hidden, 3, padding=1)
        self.scale = nn.Conv2d(hidden, channels, 3, padding=1)
        self.shift_hidden = nn.Conv2d(channels + conditions, hidden, 3, padding=1)
        self.shift = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, features: Tensor, conditions: Tensor) -> Tensor:
        both = torch.cat((features, conditions), dim=1)
        scale: Tensor = self.scale(F.leaky_relu(self.scale_hidden(both), 0.1))
        shift: Tensor = self.shift(F.leaky_relu(self.shift_hidden(both), 0.1))
        return features * scale.sigmoid() + shift

    def sees(self, output: Window) -> Window:
        """The window of both inputs under a window of the output."""
        return output.conv(times=2)
