"""StyleGAN2's convolutions whose kernels a code scales, and the blocks made of them."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.equalised import EqualLinear, activated, halved_conv
from refsr.networks.blocks.fir import TAPS, doubled, resampled

Upsample = Literal["released", "stylegan2"]
UPSAMPLES = ("released", "stylegan2")
Resample = Literal["released", "stylegan2", "halve"]


class ModulatedConv(nn.Module):
    """(B, C, H, W) and codes (B, S) -> (B, D, H, W), doubled or halved: each sample has a kernel of its own.

    Doubling `released` enlarges by bilinear interpolation and convolves at that size; `stylegan2` spreads pixels by a
    transposed convolution and filters, at a quarter of the cost.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        code: int,
        demodulate: bool = True,
        resample: Resample | None = None,
    ) -> None:
        super().__init__()
        self.kernel, self.demodulate, self.resample = kernel, demodulate, resample
        self.gain = 1 / math.sqrt(inputs * kernel**2)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.modulation = EqualLinear(code, inputs, bias=1.0)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale: Tensor = self.modulation(code)
        weight = self.weight * self.gain
        # A kernel scaled by input channel is an input scaled by channel: one kernel serves the whole batch.
        x = self._convolved(x * scale[:, :, None, None], weight)
        if not self.demodulate:
            return x
        power = F.linear(scale.square(), weight.square().sum(dim=(2, 3)))
        return x * (power + 1e-8).rsqrt()[:, :, None, None]

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.resample == "halve":
            return halved_conv(x, weight)
        if self.resample == "stylegan2":
            reach = len(TAPS) - self.kernel - 1
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            return resampled(x, TAPS, before=(reach + 1) // 2 + 1, after=reach // 2 + 1, gain=4)
        if self.resample == "released":
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.conv2d(x, weight, padding=self.kernel // 2)


class StyledConv(nn.Module):
    """(B, C, H, W), codes (B, S) and noise (1 or B, 1, H', W') -> (B, D, H', W'): modulated, roughened, activated."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        code: int,
        resample: Resample | None = None,
        noisy: bool = True,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, kernel, code, resample=resample)
        self.strength = nn.Parameter(torch.zeros(1)) if noisy else None
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, code: Tensor, noise: Tensor | None) -> Tensor:
        x = self.conv(x, code)
        if self.strength is not None and noise is not None:
            x = x + self.strength * noise
        return activated(x, self.bias)


class ToImage(nn.Module):
    """(B, C, H, W), codes (B, S) and the image (B, D, H/2, W/2) of the level below, if any -> (B, D, H, W)."""

    def __init__(self, inputs: int, channels: int, code: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, channels, 1, code, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, code: Tensor, below: Tensor | None) -> Tensor:
        image: Tensor = self.conv(x, code) + self.bias[:, None, None]
        return image if below is None else image + doubled(below)
