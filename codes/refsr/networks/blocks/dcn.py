"""Deformable layers whose offsets come from a second feature: DCNv2 of RRSGAN, DCNv3 of RGTGAN."""

from __future__ import annotations

import logging
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.ops import dcnv2, dcnv3
from refsr.ops.deformable_v2 import dcnv2_rows, may_be_cut

LOG = logging.getLogger(__name__)

AT_ONCE = 256 << 20
"""Bytes of offsets and masks at once without gradients: they are larger than all features of a network together."""


class DCNv2(nn.Module):
    """RRSGAN's DCNv2, (B, Ci, H, W) and an offset feature (B, Ci, H, W) -> (B, Co, Ho, Wo).

    It starts as a convolution times one half. A mean offset above `warn_above` pixels is logged, once. The published
    layer checks every pass, which makes a GPU wait; here only passes on the CPU are checked.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 1,
        dilation: int = 1,
        deformable_groups: int = 8,
        warn_above: float | None = 100.0,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.warn_above = warn_above
        self.offsets = 2 * deformable_groups * kernel_size * kernel_size
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.conv_offset_mask = nn.Conv2d(
            in_channels, self.offsets * 3 // 2, kernel_size, stride, padding, dilation=dilation
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As published: uniform in +-1/sqrt(fan in), zero bias, zero offsets."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        for starts_at_zero in (self.bias, self.conv_offset_mask.weight, self.conv_offset_mask.bias):
            if starts_at_zero is not None:
                nn.init.zeros_(starts_at_zero)

    def forward(self, x: Tensor, feature: Tensor) -> Tensor:
        if may_be_cut(x):
            rows = max(1, AT_ONCE // (feature.element_size() * self.conv_offset_mask.out_channels * feature.shape[3]))
            if rows < feature.shape[2]:
                return self._in_strips(x, feature, rows)
        both: Tensor = self.conv_offset_mask(feature)
        offset, raw = both[:, : self.offsets], both[:, self.offsets :]
        # In place where nothing else needs it: offsets and mask are larger than all features together.
        mask = raw.sigmoid() if torch.is_grad_enabled() else raw.sigmoid_()
        if self.warn_above is not None and x.device.type == "cpu" and not torch.compiler.is_compiling():
            self._warn_if_large(offset)
        return dcnv2(x, offset, mask, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def _in_strips(self, x: Tensor, feature: Tensor, rows: int) -> Tensor:
        """The same, some rows of the result at a time, each with its own offsets and mask."""
        layer, reach = self.conv_offset_mask, self.dilation * (self.weight.shape[-1] - 1) + 1
        height = (feature.shape[2] + 2 * self.padding - reach) // self.stride + 1
        strips = []
        for first in range(0, height, rows):
            count = min(rows, height - first)
            top = first * self.stride - self.padding
            bottom = top + (count - 1) * self.stride + reach
            above, below = max(0, -top), max(0, bottom - feature.shape[2])
            seen = F.pad(feature[:, :, max(0, top) : bottom], (0, 0, above, below))
            both = F.conv2d(seen, layer.weight, layer.bias, self.stride, (0, self.padding), self.dilation)
            offset, mask = both[:, : self.offsets], both[:, self.offsets :].sigmoid_()
            if self.warn_above is not None:
                self._warn_if_large(offset)
            strips.append(
                dcnv2_rows(x, offset, mask, self.weight, self.bias, self.stride, self.padding, self.dilation, first)
            )
        return torch.cat(strips, dim=2)

    def receptive_field(self, output: ReceptiveField) -> tuple[ReceptiveField, ReceptiveField]:
        """The pixels of the sampled feature, offsets left out, and of the feature that the offsets come from."""
        window = output.conv(self.dilation * (self.weight.shape[-1] - 1) + 1)
        return window, window

    def _warn_if_large(self, offset: Tensor) -> None:
        assert self.warn_above is not None
        # A norm, since absolute values would be a copy of the offsets, which are larger than all features.
        total = torch.linalg.vector_norm(offset.detach(), 1, dtype=torch.promote_types(offset.dtype, torch.float32))
        mean = float(total) / max(1, offset.numel())
        if mean > self.warn_above:
            LOG.warning(
                "DCNv2: the mean offset is %.0f pixels, more than %.0f: training diverges", mean, self.warn_above
            )
            self.warn_above = None


class ChannelsLast(nn.Module):
    """(B, C, H, W) -> (B, H, W, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


class DCNv3(nn.Module):
    """InternImage's DCNv3 layer, (B, H, W, C) -> (B, H, W, C): offsets and mask both from the input."""

    def __init__(
        self,
        channels: int = 64,
        kernel_size: int = 3,
        dw_kernel_size: int | None = None,
        stride: int = 1,
        pad: int = 1,
        dilation: int = 1,
        group: int = 4,
        offset_scale: float = 1.0,
        center_feature_scale: bool = False,
        remove_center: bool = False,
    ) -> None:
        super().__init__()
        if group < 1 or channels % group:
            raise OperatorError(f"DCNv3: {channels} channels are no multiple of {group} groups")
        if stride != 1 or 2 * pad != dilation * (kernel_size - 1):
            raise OperatorError(
                f"DCNv3: kernel_size {kernel_size}, stride {stride}, pad {pad}, dilation {dilation} change the size, "
                "but offsets and mask are made at the input's size: stride is 1 and pad is dilation*(kernel_size-1)/2"
            )
        self.geometry = (kernel_size, stride, pad, dilation, group, offset_scale, remove_center)
        self.group = group
        points = group * (kernel_size * kernel_size - int(remove_center))
        width = dw_kernel_size if dw_kernel_size is not None else kernel_size
        if width % 2 == 0:
            raise OperatorError(f"DCNv3: dw_kernel_size is {width}, expected an odd number")
        # The nesting gives the published keys dw_conv.0 and dw_conv.1.1.
        self.dw_conv = nn.Sequential(
            nn.Conv2d(channels, channels, width, padding=width // 2, groups=channels),
            nn.Sequential(ChannelsLast(), nn.LayerNorm(channels, eps=1e-6)),
            nn.GELU(),
        )
        self.offset = nn.Linear(channels, points * 2)
        self.mask = nn.Linear(channels, points)
        self.input_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        self.center_feature_scale_proj_weight: nn.Parameter | None = None
        self.center_feature_scale_proj_bias: nn.Parameter | None = None
        if center_feature_scale:
            self.center_feature_scale_proj_weight = nn.Parameter(torch.zeros(group, channels))
            self.center_feature_scale_proj_bias = nn.Parameter(torch.zeros(group))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As published: zero offsets, equal masks, Xavier projections with zero bias."""
        for starts_at_zero in (self.offset, self.mask):
            nn.init.zeros_(starts_at_zero.weight)
            nn.init.zeros_(starts_at_zero.bias)
        for projection in (self.input_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(self, x: Tensor) -> Tensor:
        query: Tensor = self.dw_conv(x.permute(0, 3, 1, 2))
        return self.sample(x, query, query)

    def sample(self, x: Tensor, query: Tensor, offset_feature: Tensor) -> Tensor:
        """The values from `x`, the mask (and centre scale) from `query`, the offsets from `offset_feature`."""
        B, H, W, C = x.shape
        values: Tensor = self.input_proj(x)
        mask = self.mask(query).reshape(B, H, W, self.group, -1).softmax(-1).reshape(B, H, W, -1)
        sampled = dcnv3(values, self.offset(offset_feature), mask, *self.geometry)
        if self.center_feature_scale_proj_weight is not None:
            share = F.linear(
                query, self.center_feature_scale_proj_weight, self.center_feature_scale_proj_bias
            ).sigmoid()
            share = share.repeat_interleave(C // self.group, dim=-1)
            sampled = sampled * (1 - share) + values * share
        result: Tensor = self.output_proj(sampled)
        return result


class DCNv3FromFeature(DCNv3):
    """RGTGAN's DCNv3 layer, (B, H, W, C) twice -> (B, H, W, C): the offsets come straight from the second feature."""

    def forward(self, x: Tensor, feature: Tensor) -> Tensor:  # type: ignore[override]
        if feature.shape != x.shape:
            raise OperatorError(
                f"DCNv3: feature has shape {tuple(feature.shape)}, expected the input's {tuple(x.shape)}"
            )
        return self.sample(x, self.dw_conv(x.permute(0, 3, 1, 2)), feature)


class AligningDCNv3(DCNv3FromFeature):
    """The same with channels first: (B, C, H, W) and an offset feature (B, C, H, W) -> (B, C, H, W)."""

    def forward(self, x: Tensor, feature: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x.permute(0, 2, 3, 1), feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def receptive_field(self, output: ReceptiveField) -> tuple[ReceptiveField, ReceptiveField]:
        """The pixels of the sampled feature, offsets left out, and of the feature that the offsets come from."""
        kernel, _, _, dilation, *_ = self.geometry
        depthwise = self.dw_conv[0]
        assert isinstance(depthwise, nn.Conv2d)
        return output.conv(dilation * (kernel - 1) + 1).joined(output.conv(depthwise.kernel_size[0])), output
