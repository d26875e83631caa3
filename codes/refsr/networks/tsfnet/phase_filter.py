"""AGPF, the amplitude-guided phase filter: the frequency branch of TSFNet."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.tsfnet.spectrum import (
    Norm,
    amplitude_and_phase,
    at_least_float32,
    fftshift_rows,
    ifftshift_rows,
    inverse_rfft2,
)

FFTNorm = Literal["released", "scaled"]
FFT_NORMS = ("released", "scaled")
NORMS: dict[FFTNorm, Norm] = {"released": "backward", "scaled": "ortho"}
"""Of torch.fft. As released, spectra are not scaled and their values grow with the image."""


class CastConv2d(nn.Conv2d):
    """A convolution computed in the input's type, whatever the weights' type is."""

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        result: Tensor = self._conv_forward(x, self.weight.to(x.dtype), bias)
        return result


def depthwise_separable(channels: int, out_channels: int) -> nn.Sequential:
    """(B, C, H, W) -> (B, C', H, W): 3x3 depthwise convolution, ReLU, 1x1 convolution."""
    return nn.Sequential(
        CastConv2d(channels, channels, 3, padding=1, groups=channels), nn.ReLU(), CastConv2d(channels, out_channels, 1)
    )


class SpatialGate(nn.Module):
    """Non-negative (B, C, H, W) -> the same times a gate from the mean and the maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = depthwise_separable(2, 1)
        depthwise = next(self.conv.parameters())
        with torch.no_grad():
            # The input is never negative: negative kernels in front of a ReLU would give zero and no gradient.
            depthwise.abs_()

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.cat((x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.conv(maps))


class PhaseFilter(nn.Module):
    """The core of AGPF, (B, C, H, W) -> (B, C, H, W): amplitudes are filtered, then phases, guided by their change."""

    def __init__(self, channels: int, fft_norm: FFTNorm = "released") -> None:
        super().__init__()
        self.norm = NORMS[fft_norm]
        self.amplitude = depthwise_separable(channels, channels)
        self.amplitude_gate = SpatialGate()
        self.phase = depthwise_separable(2 * channels, channels)
        self.phase_gate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            wide = at_least_float32(x)
            spectrum = ifftshift_rows(torch.polar(*self.filtered(wide)))
            filtered = inverse_rfft2(spectrum, x.shape[-1], self.norm).abs()
            return F.relu(filtered + wide).to(x.dtype)

    def filtered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Filtered amplitude and phase (B, C, H, W/2+1), frequency zero in row (H-1)//2."""
        spectrum = fftshift_rows(torch.fft.rfft2(x, norm=self.norm))
        amplitude, phase = amplitude_and_phase(spectrum, x.shape[-1])
        new_amplitude: Tensor = self.amplitude_gate(F.relu(self.amplitude(amplitude)))
        change = new_amplitude - amplitude
        new_phase = self.phase_gate(torch.sigmoid(self.phase(torch.cat((phase, change), dim=1))))
        return new_amplitude, 2 * math.pi * new_phase - math.pi


class FrequencyBlock(nn.Module):
    """AGPF, (B, C, H, W) -> (B, C, H, W): phase filters, a convolution, and the input times a learned scalar."""

    def __init__(self, channels: int, filters: int = 1, fft_norm: FFTNorm = "released") -> None:
        super().__init__()
        self.filters = nn.Sequential(*(PhaseFilter(channels, fft_norm) for _ in range(filters)))
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        filtered: Tensor = self.conv(self.filters(x))
        return filtered + self.scale * x
