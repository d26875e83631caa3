"""RRSGAN's deformable layer: DCNv2 whose offsets and mask come from a second feature."""

from __future__ import annotations

import logging
import math

import torch
from torch import Tensor, nn

from refsr.networks.blocks.window import Window
from refsr.ops import dcnv2

LOG = logging.getLogger(__name__)


class DCNv2(nn.Module):
    """(B, Ci, H, W) moved by a feature (B, Ci, H, W) -> (B, Co, Ho, Wo); starts as a convolution times one half.

    A mean offset above `warn_above` pixels is logged, once. The published layer looks at every pass, which makes a GPU
    wait; here only passes on the CPU are looked at.
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
        """The published start: uniform in +-1/sqrt(fan in), no bias, no offset."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        for starts_at_zero in (self.bias, self.conv_offset_mask.weight, self.conv_offset_mask.bias):
            if starts_at_zero is not None:
                nn.init.zeros_(starts_at_zero)

    def forward(self, x: Tensor, feature: Tensor) -> Tensor:
        both: Tensor = self.conv_offset_mask(feature)
        offset, mask = both[:, : self.offsets], both[:, self.offsets :].sigmoid()
        if self.warn_above is not None and x.device.type == "cpu" and not torch.compiler.is_compiling():
            self._look_at(offset)
        return dcnv2(x, offset, mask, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def sees(self, output: Window) -> tuple[Window, Window]:
        """The windows of what is moved, moves left out, and of the feature that moves it."""
        window = output.conv(self.dilation * (self.weight.shape[-1] - 1) + 1)
        return window, window

    def _look_at(self, offset: Tensor) -> None:
        assert self.warn_above is not None
        mean = float(offset.detach().abs().mean()) if offset.numel() else 0.0
        if mean > self.warn_above:
            LOG.warning(
                "DCNv2: the mean offset is %.0f pixels, more than %.0f: training diverges", mean, self.warn_above
            )
            self.warn_above = None
