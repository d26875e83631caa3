"""A convolution that halves or doubles its input with a filter on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Resample = Literal["up", "down"]


class ResampledConv(nn.Module):
    """(B, C, H, W) -> (B, D, H, W), or halved, or doubled: filtered first, then convolved with zero padding.

    `kernel` 0 resamples alone. `fused` halves after the convolution instead, whose padding then reaches as far as the
    filter does: borders differ.
    """

    filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        resample: Resample | None = None,
        taps: Sequence[int] = (1, 1),
        fused: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.resample, self.fused = resample, fused
        self.pair = list(taps) == [taps[0]] * 2
        """A mean of two by two, and its repetition."""
        self.reach = (len(taps) - 1) // 2
        self.conv: nn.Conv2d | None = None
        if kernel:
            padding = kernel // 2 + (self.reach if fused else 0)
            self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=bias)
        values = torch.tensor(taps, dtype=torch.float32)
        self.register_buffer("filter", values.outer(values) / values.sum() ** 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is None:
            return self._up(x) if self.resample == "up" else self._down(x)
        if self.resample == "up":
            return self._enlarged(self.conv, x)
        if self.resample == "down" and self.fused:
            return self._filtered(self.conv(x), 0)
        convolved: Tensor = self.conv(self._down(x) if self.resample == "down" else x)
        return convolved

    def _enlarged(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if conv.kernel_size == (1, 1):
            # What looks at one pixel may as well look before it is repeated.
            wide = self._up(F.conv2d(x, conv.weight))
            return wide if conv.bias is None else wide + conv.bias[:, None, None]
        if self.pair and conv.kernel_size == (3, 3):
            # Each output sees two by two different pixels, not three by three: four products for nine.
            return F.conv_transpose2d(x, _spread(conv.weight), conv.bias, stride=2, padding=1)
        convolved: Tensor = conv(self._up(x))
        return convolved

    def _down(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.pair else self._filtered(x, self.reach)

    def _up(self, x: Tensor) -> Tensor:
        if self.pair:
            return x.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
        return F.conv_transpose2d(x, 4 * self._kernel(x), stride=2, padding=self.reach, groups=x.shape[1])

    def _filtered(self, x: Tensor, padding: int) -> Tensor:
        return F.conv2d(x, self._kernel(x), stride=2, padding=padding, groups=x.shape[1])

    def _kernel(self, x: Tensor) -> Tensor:
        return self.filter.to(x.dtype).expand(x.shape[1], 1, -1, -1)


def _spread(kernel: Tensor) -> Tensor:
    """A kernel (D, C, 3, 3) on repeated pixels -> the transposed convolution's (C, D, 4, 4) on single ones."""
    padded = F.pad(kernel, (1, 1, 1, 1))
    sums = padded[..., 1:, :] + padded[..., :-1, :]
    return (sums[..., 1:] + sums[..., :-1]).flip(2, 3).transpose(0, 1)
