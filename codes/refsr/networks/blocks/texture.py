"""Texture transfer of RRSGAN and RGTGAN: the aligned reference's texture is merged into the content feature."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.drr import DenseRestoreResidual
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.relevance import RelevanceAttention
from refsr.networks.blocks.residual import ResidualChain


class TextureStage(nn.Module):
    """Texture transfer at one size: a feature and an aligned map (B, C, H, W) -> (B, C, H, W); RAM, merge, body."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.relevance = RelevanceAttention(channels, channels, max(1, channels // 2))
        self.merge = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.body = ResidualChain(channels, blocks)

    def forward(self, x: Tensor, aligned: Tensor, refine: nn.Module | None = None) -> Tensor:
        relevant = self.relevance(aligned, x)
        texture = F.leaky_relu(self.merge(torch.cat((x, relevant), dim=1)), 0.1)
        if refine is not None:
            texture = refine(texture)
        result: Tensor = self.body(texture) + x
        return result


class TextureTransfer(nn.Module):
    """Content (B, C, h, w) and maps (B, C, H/2^l, W/2^l), the full size first -> a residual image (B, out, H, W).

    From the coarsest map to the finest, one stage each, with a pixel shuffle by two between them. `refine`, the DRR of
    RGTGAN, is one module for all stages and refines each stage's merged feature.
    """

    def __init__(
        self, channels: int, out_channels: int, blocks: int, levels: int, refine: DenseRestoreResidual | None = None
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(TextureStage(channels, blocks) for _ in range(levels))
        self.enlargements = nn.ModuleList(nn.Conv2d(channels, 4 * channels, 3, padding=1) for _ in range(levels - 1))
        hidden = max(1, channels // 2)
        self.finish = nn.Conv2d(channels, hidden, 3, padding=1)
        self.to_image = nn.Conv2d(hidden, out_channels, 3, padding=1)
        self.refine = refine

    def forward(self, content: Tensor, maps: Sequence[Tensor]) -> Tensor:
        x = content
        for level, stage in enumerate(self.stages):
            if level:
                x = F.leaky_relu(F.pixel_shuffle(self.enlargements[level - 1](x), 2), 0.1)
            x = stage(x, maps[-1 - level], self.refine)
        result: Tensor = self.to_image(F.leaky_relu(self.finish(x), 0.1))
        return result

    def receptive_field(self, output: ReceptiveField) -> tuple[ReceptiveField, list[ReceptiveField]]:
        """The pixels of the content and of each map that these pixels of the residual depend on."""
        window = output.conv(times=2)
        maps: list[ReceptiveField] = []
        for level, stage in reversed(list(enumerate(self.stages))):
            assert isinstance(stage, TextureStage)
            merged = stage.body.receptive_field(window)
            if self.refine is not None:
                merged = self.refine.receptive_field(merged)
            window = stage.relevance.receptive_field(merged.conv())
            maps.append(window)
            if level:
                window = window.pixel_shuffle().conv()
        return window, maps
