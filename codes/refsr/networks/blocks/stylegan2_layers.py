"""StyleGAN2's layers (Karras et al. 2020): FIR resampling, equalized learning rate, modulated convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = (1.0, 3.0, 3.0, 1.0)
"""StyleGAN2's filter along one axis."""


def upfirdn2d(
    x: Tensor, taps: Sequence[float], up: int = 1, down: int = 1, before: int = 0, after: int = 0, gain: float = 1.0
) -> Tensor:
    """(B, C, H, W) -> (B, C, (up * H + before + after - taps + 1) / down rounded up, ...).

    StyleGAN2's upfirdn2d with a separable filter: `up` inserts zeros behind each pixel, negative padding crops, the
    filter is flipped (a true convolution), every `down`-th pixel is kept. `taps` are normalized to sum to `gain`.
    """
    total = sum(taps)
    values = [gain**0.5 * tap / total for tap in reversed(taps)]
    channels = x.shape[1]
    for axis in (2, 3):
        if up > 1:
            x = _insert_zeros(x, axis, up)
        padding = (0, 0, before, after) if axis == 2 else (before, after, 0, 0)
        side = (1, 1, len(taps), 1) if axis == 2 else (1, 1, 1, len(taps))
        kernel = x.new_tensor(values).reshape(side).expand(channels, -1, -1, -1)
        stride = (down, 1) if axis == 2 else (1, down)
        x = F.conv2d(F.pad(x, padding), kernel, stride=stride, groups=channels)
    return x


def upsample2d(x: Tensor, taps: Sequence[float] = TAPS) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W)."""
    reach = len(taps) - 2
    return upfirdn2d(x, taps, up=2, before=(reach + 1) // 2 + 1, after=reach // 2, gain=4)


def downsample2d(x: Tensor, taps: Sequence[float] = TAPS) -> Tensor:
    """(B, C, H, W) -> (B, C, H/2, W/2)."""
    reach = len(taps) - 2
    return upfirdn2d(x, taps, down=2, before=(reach + 1) // 2, after=reach // 2)


def _insert_zeros(x: Tensor, axis: int, up: int) -> Tensor:
    """Inserts `up` - 1 zeros behind each pixel along an axis."""
    shape = list(x.shape)
    shape[axis] *= up
    apart = x.unsqueeze(axis + 1)
    return F.pad(apart, [0, 0] * (x.dim() - axis - 1) + [0, up - 1]).reshape(shape)


SLOPE = 0.2


def scaled_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """(B, C, ...) and bias (C,) -> (B, C, ...): leaky ReLU times sqrt(2), StyleGAN2's fused bias activation."""
    shaped = bias.reshape(-1, *(1,) * (x.dim() - 2))
    return F.leaky_relu(x + shaped, SLOPE) * math.sqrt(2)


def pixel_norm(x: Tensor) -> Tensor:
    """(B, C, ...) divided by the root mean square over its channels."""
    return x / (x.square().mean(dim=1, keepdim=True).sqrt() + 1e-6)


class EqualizedLinear(nn.Module):
    """(B, ...), `inputs` numbers a sample -> (B, outputs); equalized learning rate, `rate` is StyleGAN2's lr_mul."""

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, activate: bool = False, bias: float = 0.0) -> None:
        super().__init__()
        self.rate, self.activate = rate, activate
        self.gain = rate / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x.flatten(1), self.weight * self.gain)
        bias = self.bias * self.rate
        return scaled_leaky_relu(x, bias) if self.activate else x + bias


class EqualizedConv2d(nn.Module):
    """(B, C, H, W) -> (B, D, H, W), or downsampled by two behind a FIR filter; equalized learning rate.

    Without `activate` there is neither bias nor activation.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, downsample: bool = False, activate: bool = True) -> None:
        super().__init__()
        self.kernel, self.downsample = kernel, downsample
        self.gain = 1 / math.sqrt(inputs * kernel**2)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activate else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.gain
        x = downsampling_conv(x, weight) if self.downsample else F.conv2d(x, weight, padding=self.kernel // 2)
        return x if self.bias is None else scaled_leaky_relu(x, self.bias)


class DiscriminatorBlock(nn.Module):
    """(B, C, H, W) -> (B, D, H/2, W/2): the discriminator's residual block, which downsamples."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualizedConv2d(inputs, inputs, 3)
        self.second = EqualizedConv2d(inputs, outputs, 3, downsample=True)
        self.shortcut = EqualizedConv2d(inputs, outputs, 1, downsample=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.second(self.first(x))
        shortcut: Tensor = self.shortcut(x)
        return (residual + shortcut) / math.sqrt(2)


def downsampling_conv(x: Tensor, weight: Tensor) -> Tensor:
    """(B, C, H, W) and a kernel (D, C, k, k), k odd -> (B, D, H/2, W/2), FIR-filtered against aliasing."""
    kernel = weight.shape[-1]
    reach = len(TAPS) + kernel - 3
    before, after = (reach + 1) // 2, reach // 2
    if kernel == 1:
        # A 1x1 kernel needs only the pixels that are kept.
        return F.conv2d(upfirdn2d(x, TAPS, down=2, before=before, after=after), weight)
    return F.conv2d(upfirdn2d(x, TAPS, before=before, after=after), weight, stride=2)


Upsample = Literal["released", "stylegan2"]
UPSAMPLES = ("released", "stylegan2")
Resample = Literal["released", "stylegan2", "down"]


class ModulatedConv(nn.Module):
    """(B, C, H, W) and codes (B, S) -> (B, D, H, W), or resampled by two: each sample's kernel is scaled by its code.

    Upsampling `released` is SpecGAN's: bilinear, then a convolution at full size. `stylegan2` is the original: a
    transposed convolution and a FIR filter, at a quarter of the cost.
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
        self.modulation = EqualizedLinear(code, inputs, bias=1.0)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale: Tensor = self.modulation(code)
        weight = self.weight * self.gain
        # Scaling the kernel by input channel equals scaling the input: one kernel serves the whole batch.
        x = self._convolved(x * scale[:, :, None, None], weight)
        if not self.demodulate:
            return x
        power = F.linear(scale.square(), weight.square().sum(dim=(2, 3)))
        return x * (power + 1e-8).rsqrt()[:, :, None, None]

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.resample == "down":
            return downsampling_conv(x, weight)
        if self.resample == "stylegan2":
            reach = len(TAPS) - self.kernel - 1
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            return upfirdn2d(x, TAPS, before=(reach + 1) // 2 + 1, after=reach // 2 + 1, gain=4)
        if self.resample == "released":
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.conv2d(x, weight, padding=self.kernel // 2)


class StyledConv(nn.Module):
    """(B, C, H, W), codes (B, S) and noise (1 or B, 1, H', W') -> (B, D, H', W'): modulated, noise, activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        code: int,
        resample: Resample | None = None,
        with_noise: bool = True,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, kernel, code, resample=resample)
        self.noise_strength = nn.Parameter(torch.zeros(1)) if with_noise else None
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, code: Tensor, noise: Tensor | None) -> Tensor:
        x = self.conv(x, code)
        if self.noise_strength is not None and noise is not None:
            x = x + self.noise_strength * noise
        return scaled_leaky_relu(x, self.bias)


class ToRGB(nn.Module):
    """ToRGB, any D: (B, C, H, W), codes (B, S), coarser image (B, D, H/2, W/2) or None -> image (B, D, H, W)."""

    def __init__(self, inputs: int, channels: int, code: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, channels, 1, code, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, code: Tensor, coarser: Tensor | None) -> Tensor:
        image: Tensor = self.conv(x, code) + self.bias[:, None, None]
        return image if coarser is None else image + upsample2d(coarser)
