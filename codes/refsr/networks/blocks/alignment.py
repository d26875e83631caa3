"""Pyramid, cascading, deformable alignment: moves features of Ref to where LR_UX has the same thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.window import Window

Deformable = Callable[[int], nn.Module]
"""Makes a layer for C channels: what is moved (B, C, H, W) and what moves it (B, C, H, W) -> (B, C, H, W)."""


class OffsetFeature(nn.Module):
    """Two features (B, C, H, W), and the coarser level's offset feature where there is one -> (B, C, H, W).

    Compares the two; nearness in a coarser level, doubled because distances double with the size, narrows the search.
    """

    def __init__(self, channels: int, coarser: bool) -> None:
        super().__init__()
        self.compare = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.merge = nn.Conv2d(2 * channels, channels, 3, padding=1) if coarser else None
        self.settle = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, one: Tensor, other: Tensor, coarser: Tensor | None = None) -> Tensor:
        feature = F.leaky_relu(self.compare(torch.cat((one, other), dim=1)), 0.1)
        if self.merge is not None:
            assert coarser is not None
            feature = F.leaky_relu(self.merge(torch.cat((feature, 2 * enlarged(coarser)), dim=1)), 0.1)
        return F.leaky_relu(self.settle(feature), 0.1)


class PyramidAlignment(nn.Module):
    """Features of Ref, Ref_DUX and LR_UX, a list each (B, C, H/2^l, W/2^l) -> maps (B, out, H/2^l, W/2^l).

    Offsets come from Ref_DUX against LR_UX, which are equally blurred; what they move is Ref. From the coarsest level
    to the finest, then once more at full size: the cascade.
    """

    def __init__(self, channels: int, out_channels: int, levels: int, deformable: Deformable) -> None:
        super().__init__()
        coarsest = levels - 1
        self.offsets = nn.ModuleList(OffsetFeature(channels, coarser=level < coarsest) for level in range(levels))
        self.samplers = nn.ModuleList(deformable(channels) for _ in range(levels))
        self.fusions = nn.ModuleList(
            nn.Conv2d(
                channels if level == coarsest else channels + out_channels,
                out_channels if level else channels,
                3,
                padding=1,
            )
            for level in range(levels)
        )
        self.cascade_offset = OffsetFeature(channels, coarser=False)
        self.cascade_sampler = deformable(channels)
        self.cascade_fusion = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, ref: Sequence[Tensor], ref_down: Sequence[Tensor], lr_up: Sequence[Tensor]) -> list[Tensor]:
        maps: list[Tensor] = []
        offset: Tensor | None = None
        for level in reversed(range(len(self.offsets))):
            offset = self.offsets[level](ref_down[level], lr_up[level], offset)
            moved = self.samplers[level](ref[level], offset)
            if maps:
                moved = torch.cat((moved, enlarged(maps[0])), dim=1)
            fused = self.fusions[level](moved)
            maps.insert(0, F.leaky_relu(fused, 0.1) if level else fused)
        # The finest level has no activation: it is sampled once more.
        first = maps[0]
        moved = self.cascade_sampler(first, self.cascade_offset(first, lr_up[0]))
        return [F.leaky_relu(self.cascade_fusion(moved), 0.1), *maps[1:]]

    def sees(self, outputs: Sequence[Window]) -> list[Window]:
        """The window of each level's features under one window of each map, moves of sampling points left out."""
        # Fusion and the deformable layer's 3x3 points, or its 3x3 convolution to offsets, then compare and settle.
        windows = [outputs[0].conv(times=4), *outputs[1:]]
        seen: list[Window] = []
        coarser_offset: Window | None = None
        for level, window in enumerate(windows):
            offset = window.conv(times=2)
            if coarser_offset is not None:
                offset = offset.joined(coarser_offset)
            settled = offset.conv()
            if level + 1 < len(windows):
                windows[level + 1] = windows[level + 1].joined(window.conv().bilinear())
                merged = settled.conv()
                coarser_offset = merged.bilinear()
                seen.append(merged.conv())
            else:
                seen.append(settled.conv())
        return seen


def enlarged(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W), bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
