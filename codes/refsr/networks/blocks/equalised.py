"""Layers with an equalised learning rate: weights are drawn alike everywhere and scaled by their fan-in when used."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.fir import TAPS, resampled

SLOPE = 0.2


def activated(x: Tensor, bias: Tensor) -> Tensor:
    """(B, C, ...) and (C,) -> (B, C, ...): biased, leaky, and as strong as before."""
    shaped = bias.reshape(-1, *(1,) * (x.dim() - 2))
    return F.leaky_relu(x + shaped, SLOPE) * math.sqrt(2)


def pixel_normalised(x: Tensor) -> Tensor:
    """(B, C, ...) divided by the root mean square over its channels."""
    return x / (x.square().mean(dim=1, keepdim=True).sqrt() + 1e-6)


class EqualLinear(nn.Module):
    """(B, ...) of `inputs` numbers a sample -> (B, outputs); `rate` slows weights and biases down."""

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, activate: bool = False, bias: float = 0.0) -> None:
        super().__init__()
        self.rate, self.activate = rate, activate
        self.gain = rate / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x.flatten(1), self.weight * self.gain)
        bias = self.bias * self.rate
        return activated(x, bias) if self.activate else x + bias


class EqualConv(nn.Module):
    """(B, C, H, W) -> (B, D, H, W), or halved: filtered first, then every other place is convolved.

    Without `activate` there is neither bias nor activation.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, halve: bool = False, activate: bool = True) -> None:
        super().__init__()
        self.kernel, self.halve = kernel, halve
        self.gain = 1 / math.sqrt(inputs * kernel**2)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activate else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.gain
        x = halved_conv(x, weight) if self.halve else F.conv2d(x, weight, padding=self.kernel // 2)
        return x if self.bias is None else activated(x, self.bias)


class HalvingBlock(nn.Module):
    """(B, C, H, W) -> (B, D, H/2, W/2): two convolutions beside a filtered shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConv(inputs, inputs, 3)
        self.second = EqualConv(inputs, outputs, 3, halve=True)
        self.shortcut = EqualConv(inputs, outputs, 1, halve=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.second(self.first(x))
        short: Tensor = self.shortcut(x)
        return (changed + short) / math.sqrt(2)


def halved_conv(x: Tensor, weight: Tensor) -> Tensor:
    """(B, C, H, W) and a kernel (D, C, k, k), k odd -> (B, D, H/2, W/2), filtered against aliases."""
    kernel = weight.shape[-1]
    reach = len(TAPS) + kernel - 3
    before, after = (reach + 1) // 2, reach // 2
    if kernel == 1:
        # What looks at one pixel needs only the pixels that stay.
        return F.conv2d(resampled(x, TAPS, down=2, before=before, after=after), weight)
    return F.conv2d(resampled(x, TAPS, before=before, after=after), weight, stride=2)
