"""Encoders of RRSNet and RGTNet: the feature encoder of LR_UX, Ref_DUX and Ref, and the content extractor of LR."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain


class Encoder(nn.Module):
    """The shared encoder: (B, in, H, W) -> `levels` features (B, C, H/2^l, W/2^l), full size first, sides rounded up.

    5x5 convolutions with SELU: one at the input, then one a level, of stride two from the second level on.
    """

    def __init__(self, in_channels: int, channels: int, levels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(in_channels, channels, 5, padding=2)
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, channels, 5, stride=2 if level else 1, padding=2) for level in range(levels)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        # In place, and the first feature is not kept: three images at full size are most of the network's memory.
        feature = F.selu(self.enter(image), inplace=True)
        features = []
        for level in self.levels:
            feature = F.selu(level(feature), inplace=True)
            features.append(feature)
        return features

    def receptive_field(self, outputs: Sequence[ReceptiveField]) -> ReceptiveField:
        """The image pixels that these pixels of each level's feature depend on."""
        window = outputs[-1]
        for finer in reversed(outputs[:-1]):
            window = window.conv(5, stride=2).joined(finer)
        return window.conv(5, times=2)


class ContentExtractor(nn.Module):
    """The content extractor: LR (B, in, h, w) -> its content feature (B, C, h, w).

    The published one also has an upsampling tail whose image is not used; it is not built here.
    """

    def __init__(self, in_channels: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.body = ResidualChain(channels, blocks)

    def forward(self, image: Tensor) -> Tensor:
        feature = F.leaky_relu(self.head(image), 0.1)
        result: Tensor = self.body(feature) + feature
        return result

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The image pixels that these pixels of the feature depend on."""
        return self.body.receptive_field(output).conv()
