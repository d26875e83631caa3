"""RAM, the relevance attention module of RRSGAN: weights an aligned reference feature by its relevance to LR."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.receptive_field import ReceptiveField


class RelevanceAttention(nn.Module):
    """RAM: features (B, C, H, W) and conditions (B, D, H, W) -> features * scale + shift (B, C, H, W).

    The scale, a sigmoid, and the shift each come from two convolutions over the concatenated inputs.
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

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of both inputs that these output pixels depend on."""
        return output.conv(times=2)
