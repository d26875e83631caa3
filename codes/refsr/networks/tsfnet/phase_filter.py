"""AGPF, the amplitude-guided phase filter: the frequency branch of TSFNet."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.tsfnet.spectrum import Norm, amplitude_and_phase, centred, inverse, uncentred, widened

Spectra = Literal["released", "scaled"]
SPECTRA = ("released", "scaled")
NORMS: dict[Spectra, Norm] = {"released": "backward", "scaled": "ortho"}
"""Filters see raw spectra as released, where values grow with the image, or orthonormal ones."""


class WideConv(nn.Conv2d):
    """A convolution in the type of its input, whatever its weights are kept in."""

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        found: Tensor = self._conv_forward(x, self.weight.to(x.dtype), bias)
        return found


def separable(channels: int, out_channels: int) -> nn.Sequential:
    """(B, C, H, W) -> (B, C', H, W): each channel with its surroundings, ReLU, then channels with one another."""
    return nn.Sequential(
        WideConv(channels, channels, 3, padding=1, groups=channels), nn.ReLU(), WideConv(channels, out_channels, 1)
    )


class Gate(nn.Module):
    """(B, C, H, W), nothing negative -> the same, each bin weighed by what mean and maximum over channels say."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = separable(2, 1)
        around = next(self.weigh.parameters())
        with torch.no_grad():
            # What it sees is never negative, so with negative kernels it would start switched off, and stay so.
            around.abs_()

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.cat((x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.weigh(maps))


class PhaseFilter(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): amplitudes are filtered first, phases then with the change of amplitude at hand."""

    def __init__(self, channels: int, spectra: Spectra = "released") -> None:
        super().__init__()
        self.norm = NORMS[spectra]
        self.amplitude = separable(channels, channels)
        self.amplitude_gate = Gate()
        self.phase = separable(2 * channels, channels)
        self.phase_gate = Gate()

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            wide = widened(x)
            spectrum = uncentred(torch.polar(*self.filtered(wide)))
            found = inverse(spectrum, x.shape[-1], self.norm).abs()
            return F.relu(found + wide).to(x.dtype)

    def filtered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Amplitude and phase (B, C, H, W/2+1) as they go back, frequency zero in row (H-1)//2."""
        spectrum = centred(torch.fft.rfft2(x, norm=self.norm))
        amplitude, phase = amplitude_and_phase(spectrum, x.shape[-1])
        strong: Tensor = self.amplitude_gate(F.relu(self.amplitude(amplitude)))
        turned = self.phase_gate(torch.sigmoid(self.phase(torch.cat((phase, strong - amplitude), dim=1))))
        return strong, 2 * math.pi * turned - math.pi


class FrequencyBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): phase filters, a convolution, and the input scaled by a learned number."""

    def __init__(self, channels: int, filters: int = 1, spectra: Spectra = "released") -> None:
        super().__init__()
        self.filters = nn.Sequential(*(PhaseFilter(channels, spectra) for _ in range(filters)))
        self.closing = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.closing(self.filters(x))
        return found + self.scale * x
