"""Pyramid, cascading, deformable alignment: moves features of Ref to where LR_UX has the same thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.dense_offset import DenseOffset
from refsr.networks.blocks.window import Window

Deformable = Callable[[int], nn.Module]
"""Makes a layer for C channels: what is moved (B, C, H, W) and what moves it (B, C, H, W) -> (B, C, H, W)."""


class Samples(Protocol):
    """What such a layer says of itself."""

    def sees(self, output: Window) -> tuple[Window, Window]:
        """The windows of what is moved, moves left out, and of what moves it."""


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

    def sees(self, output: Window) -> Window:
        """The window of both features under a window of the output."""
        return output.conv(times=2 if self.merge is None else 3)

    def sees_coarser(self, output: Window) -> Window:
        """The window of the coarser level's offset feature, if there is one."""
        return output.conv(times=2).bilinear()


class PyramidAlignment(nn.Module):
    """Features of Ref, Ref_DUX and LR_UX, a list each (B, C, H/2^l, W/2^l) -> maps (B, out, H/2^l, W/2^l).

    Offsets come from Ref_DUX against LR_UX, which are equally blurred; what they move is Ref. From the coarsest level
    to the finest, then once more at full size: the cascade. `dense`: the dense branch, one for all steps, finds what
    the samples are moved by, each level for itself, in place of comparisons that hand on what they found.
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
        mover: Tensor | None = None
        for level in reversed(range(len(self.samplers))):
            if self.dense is not None:
                mover = self.dense(ref_down[level], lr_up[level])
            else:
                mover = self.offsets[level](ref_down[level], lr_up[level], mover)
            moved = self.samplers[level](ref[level], mover)
            if maps:
                moved = torch.cat((moved, enlarged(maps[0])), dim=1)
            fused = self.fusions[level](moved)
            maps.insert(0, F.leaky_relu(fused, 0.1) if level else fused)
        # The finest level has no activation: it is sampled once more.
        first = maps[0]
        moved = self.cascade_sampler(first, self._last()(first, lr_up[0]))
        return [F.leaky_relu(self.cascade_fusion(moved), 0.1), *maps[1:]]

    def _last(self) -> OffsetFeature | DenseOffset:
        """What finds the cascade's moves."""
        last = self.cascade_offset if self.dense is None else self.dense
        assert last is not None
        return last

    def sees(self, outputs: Sequence[Window]) -> list[Window]:
        """The window of each level's features under one window of each map, moves of sampling points left out."""
        moved, mover = cast("Samples", self.cascade_sampler).sees(outputs[0].conv())
        windows = [moved.joined(self._last().sees(mover)), *outputs[1:]]
        seen: list[Window] = []
        coarser: Window | None = None
        for level, window in enumerate(windows):
            fused = window.conv()
            moved, mover = cast("Samples", self.samplers[level]).sees(fused)
            if self.dense is None:
                offset = self.offsets[level]
                assert isinstance(offset, OffsetFeature)
                if coarser is not None:
                    mover = mover.joined(coarser)
                coarser = offset.sees_coarser(mover)
                compared = offset.sees(mover)
            else:
                compared = self.dense.sees(mover)
            seen.append(moved.joined(compared))
            if level + 1 < len(windows):
                windows[level + 1] = windows[level + 1].joined(fused.bilinear())
        return seen


def enlarged(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W), bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
