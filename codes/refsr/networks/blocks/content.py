"""The content extractor: what the low-resolution image itself knows."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.blocks.window import Window


class ContentExtractor(nn.Module):
    """(B, in, h, w) -> the content feature (B, C, h, w).

    The published one has an upscaling tail whose image nobody uses; it is not built.
    """

    def __init__(self, in_channels: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.body = ResidualChain(channels, blocks)

    def forward(self, image: Tensor) -> Tensor:
        feature = F.leaky_relu(self.head(image), 0.1)
        result: Tensor = self.body(feature) + feature
        return result

    def sees(self, output: Window) -> Window:
        """The window of the image under a window of the feature."""
        return self.body.sees(output).conv()
