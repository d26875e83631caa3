"""The feature encoder that LR_UX, Ref_DUX and Ref pass through with the same weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.window import Window


class Encoder(nn.Module):
    """(B, in, H, W) -> `levels` features (B, C, H/2^l, W/2^l), the full size first, odd sides rounded up.

    5x5 convolutions, each followed by a SELU: one to enter, then one a level, by stride two from the second on.
    """

    def __init__(self, in_channels: int, channels: int, levels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(in_channels, channels, 5, padding=2)
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, channels, 5, stride=2 if level else 1, padding=2) for level in range(levels)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [F.selu(self.enter(image))]
        for level in self.levels:
            features.append(F.selu(level(features[-1])))
        return features[1:]

    def sees(self, outputs: Sequence[Window]) -> Window:
        """The window of the image under one window of each level's feature."""
        window = outputs[-1]
        for finer in reversed(outputs[:-1]):
            window = window.conv(5, stride=2).joined(finer)
        return window.conv(5, times=2)
