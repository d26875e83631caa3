"""Pyramid, cascading, deformable alignment (PCD): features of Ref are sampled where LR_UX has the same content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.receptive_field import ReceptiveField

KERNELS = (3, 5, 7)


class DenseOffset(nn.Module):
    """DIDConv's dense branch (RGTGAN): two features (B, C, H, W) -> the feature that offsets come from (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.compare = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.branches = nn.ModuleList(nn.Conv2d(channels, channels, side, padding=side // 2) for side in KERNELS)
        self.fuse = nn.Conv2d(len(KERNELS) * channels, channels, 3, padding=1)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        compared = F.leaky_relu(self.compare(torch.cat((one, other), dim=1)), 0.1)
        joined = torch.cat([F.leaky_relu(branch(compared), 0.1) for branch in self.branches], dim=1)
        return F.leaky_relu(self.fuse(joined), 0.1) + compared

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of both features that these output pixels depend on."""
        return output.conv().conv(max(KERNELS)).conv()


Deformable = Callable[[int], nn.Module]
"""Makes a deformable layer for C channels: sampled feature and offset feature (B, C, H, W) -> (B, C, H, W)."""


class DeformableLayer(Protocol):
    """A deformable layer that knows its receptive field."""

    def receptive_field(self, output: ReceptiveField) -> tuple[ReceptiveField, ReceptiveField]:
        """The pixels of the sampled feature, offsets left out, and of the feature that the offsets come from."""


class OffsetFeature(nn.Module):
    """Two features (B, C, H, W), and the coarser level's offset feature where there is one -> (B, C, H, W).

    Compares the two. The coarser level's offset feature is upsampled and doubled, since distances double with the size.
    """

    def __init__(self, channels: int, coarser: bool) -> None:
        super().__init__()
        self.compare = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.merge = nn.Conv2d(2 * channels, channels, 3, padding=1) if coarser else None
        self.settle = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, one: Tensor, other: Tensor, coarser: Tensor | None = None) -> Tensor:
        feature = F.leaky_relu(self.compare(torch.cat((one, other), dim=1)), 0.1, inplace=True)
        if self.merge is not None:
            assert coarser is not None
            feature = F.leaky_relu(self.merge(torch.cat((feature, 2 * upsampled(coarser)), dim=1)), 0.1, inplace=True)
        return F.leaky_relu(self.settle(feature), 0.1, inplace=True)

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of both features that these output pixels depend on."""
        return output.conv(times=2 if self.merge is None else 3)

    def coarser_receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of the coarser level's offset feature that these output pixels depend on."""
        return output.conv(times=2).bilinear()


class PyramidAlignment(nn.Module):
    """RRSGAN's alignment: features of Ref, Ref_DUX, LR_UX, lists of (B, C, H/2^l, W/2^l) -> aligned maps of Ref.

    Offsets come from Ref_DUX against LR_UX, which are equally blurred; they are applied to Ref. From the coarsest level
    to the finest, then once more at full size: the cascade. `dense` (RGTGAN's DIDConv): one dense branch gives the
    offset feature of every level and of the cascade, in place of comparisons passed from level to level.
    """

    def __init__(
        self, channels: int, out_channels: int, levels: int, deformable: Deformable, dense: bool = False
    ) -> None:
        super().__init__()
        coarsest = levels - 1
        self.dense = DenseOffset(channels) if dense else None
        self.offsets = nn.ModuleList(
            OffsetFeature(channels, coarser=level < coarsest) for level in range(0 if dense else levels)
        )
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
        self.cascade_offset = None if dense else OffsetFeature(channels, coarser=False)
        self.cascade_sampler = deformable(channels)
        self.cascade_fusion = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, ref: Sequence[Tensor], ref_down: Sequence[Tensor], lr_up: Sequence[Tensor]) -> list[Tensor]:
        maps: list[Tensor] = []
        offset_feature: Tensor | None = None
        for level in reversed(range(len(self.samplers))):
            if self.dense is not None:
                offset_feature = self.dense(ref_down[level], lr_up[level])
            else:
                offset_feature = self.offsets[level](ref_down[level], lr_up[level], offset_feature)
            sampled = self.samplers[level](ref[level], offset_feature)
            if maps:
                sampled = torch.cat((sampled, upsampled(maps[0])), dim=1)
            fused = self.fusions[level](sampled)
            maps.insert(0, F.leaky_relu(fused, 0.1, inplace=True) if level else fused)
        # The finest level has no activation: it is sampled once more.
        first = maps[0]
        sampled = self.cascade_sampler(first, self._cascade_offset()(first, lr_up[0]))
        return [F.leaky_relu(self.cascade_fusion(sampled), 0.1, inplace=True), *maps[1:]]

    def _cascade_offset(self) -> OffsetFeature | DenseOffset:
        """The module that makes the cascade's offset feature."""
        module = self.cascade_offset if self.dense is None else self.dense
        assert module is not None
        return module

    def receptive_field(self, outputs: Sequence[ReceptiveField]) -> list[ReceptiveField]:
        """The pixels of each level's features that these pixels of each map depend on, offsets left out."""
        sampled, offset_feature = cast("DeformableLayer", self.cascade_sampler).receptive_field(outputs[0].conv())
        windows = [sampled.joined(self._cascade_offset().receptive_field(offset_feature)), *outputs[1:]]
        seen: list[ReceptiveField] = []
        coarser: ReceptiveField | None = None
        for level, window in enumerate(windows):
            fused = window.conv()
            sampled, offset_feature = cast("DeformableLayer", self.samplers[level]).receptive_field(fused)
            if self.dense is None:
                offset = self.offsets[level]
                assert isinstance(offset, OffsetFeature)
                if coarser is not None:
                    offset_feature = offset_feature.joined(coarser)
                coarser = offset.coarser_receptive_field(offset_feature)
                compared = offset.receptive_field(offset_feature)
            else:
                compared = self.dense.receptive_field(offset_feature)
            seen.append(sampled.joined(compared))
            if level + 1 < len(windows):
                windows[level + 1] = windows[level + 1].joined(fused.bilinear())
        return seen


def upsampled(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W), bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
