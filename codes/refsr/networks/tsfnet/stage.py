"""One stage of TSFNet: a U-Net of three levels whose features are half spatial, half spectral."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from refsr.networks.tsfnet.fusion import CrossFusion, Fusion
from refsr.networks.tsfnet.phase_filter import FrequencyBlock, Spectra
from refsr.networks.tsfnet.spatial import Halving, SpatialBlock, doubling

HALVINGS = 3


class Node(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): the first half of the channels in space, the second in frequency."""

    def __init__(self, channels: int, pairs: int, spectra: Spectra) -> None:
        super().__init__()
        half = channels // 2
        self.spatial = nn.Sequential(*(SpatialBlock(half, pairs) for _ in range(2)))
        self.frequency = nn.Sequential(*(FrequencyBlock(half, spectra=spectra) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        spatial, frequency = x.chunk(2, dim=1)
        return torch.cat((self.spatial(spatial), self.frequency(frequency)), dim=1)


class Stage(nn.Module):
    """(B, bands, H, W), H and W multiples of 8, and features that guide -> the image, and the decoder's features.

    The features go from coarse to fine, (B, C, H/8, W/8) to (B, C, H, W). Guides have the same shapes; with them, the
    way down ends in cross-stage fusions.
    """

    def __init__(self, bands: int, channels: int, pairs: int, heads: int, spectra: Spectra, guided: bool) -> None:
        super().__init__()
        descending = CrossFusion if guided else Fusion
        self.enter = nn.Sequential(nn.Conv2d(bands, channels, 3, padding=1, bias=False), nn.PReLU())
        self.halvings = nn.ModuleList(Halving(channels) for _ in range(HALVINGS))
        self.nodes = nn.ModuleList(Node(channels, pairs, spectra) for _ in range(2 * HALVINGS + 1))
        self.doublings = nn.ModuleList(doubling(channels) for _ in range(HALVINGS))
        self.descent = nn.ModuleList(descending(channels, heads) for _ in range(HALVINGS + 1))
        self.ascent = nn.ModuleList(Fusion(channels, heads) for _ in range(HALVINGS + 1))
        self.leave = nn.Sequential(nn.Conv2d(channels, bands, 3, padding=1, bias=False), nn.PReLU())

    def forward(self, image: Tensor, guides: Sequence[Tensor] = ()) -> tuple[Tensor, list[Tensor]]:
        steps = [None, *self.halvings]
        fitting = reversed(guides) if guides else [None] * len(steps)
        x, skips = self.enter(image), []
        for level, (halve, fuse, guide) in enumerate(zip(steps, self.descent, fitting, strict=True)):
            if halve is not None:
                x = self.nodes[level - 1](halve(x))
            x = fuse(x, guide)
            skips.append(x)
        features = []
        for level, (double, fuse) in enumerate(zip([None, *self.doublings], self.ascent, strict=True)):
            if double is not None:
                x = double(x)
            x = fuse(self.nodes[HALVINGS + level](x), skips.pop())
            features.append(x)
        return image + self.leave(x), features
