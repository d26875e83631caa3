"""Half-spectra of real maps: amplitude and phase with safe gradients at zero, and a portable inverse transform."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Norm = Literal["backward", "ortho", "forward"]

NOISE = 8.0
"""A bin has a phase if it exceeds the transform's rounding error times this."""


def at_least_float32(x: Tensor) -> Tensor:
    """Half types as float32: their range and precision do not suffice for a spectrum."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def fftshift_rows(spectrum: Tensor) -> Tensor:
    """(..., H, W/2+1) with frequency zero in its first row -> the same with it in row (H-1)//2."""
    return spectrum.roll((spectrum.shape[-2] - 1) // 2, dims=-2)


def ifftshift_rows(spectrum: Tensor) -> Tensor:
    """Undoes `fftshift_rows`, for odd heights too."""
    return spectrum.roll(-((spectrum.shape[-2] - 1) // 2), dims=-2)


def amplitude_and_phase(spectrum: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Row-shifted half-spectrum (..., H, W/2+1) of a real map -> its amplitude and its phase in (-pi, pi].

    Bins that are their own conjugates are real, so their imaginary part is taken as +0: its rounding would turn the
    phase of a negative bin from pi to -pi. Bins below the rounding of the transform have phase 0 and pass no gradient.
    """
    amplitude = spectrum.abs()
    detached = amplitude.detach()
    noise = NOISE * torch.finfo(detached.dtype).eps * detached.square().mean(dim=(-2, -1), keepdim=True).sqrt()
    silent = detached <= noise.clamp_min(torch.finfo(detached.dtype).tiny ** 0.5)
    own = _self_conjugate(spectrum.shape[-2], width, spectrum.device)
    real = torch.where(silent, 1.0, spectrum.real)
    imaginary = torch.where(silent | own, 0.0, spectrum.imag)
    return amplitude, torch.atan2(imaginary, real)


def _self_conjugate(height: int, width: int, device: torch.device) -> Tensor:
    """(H, W/2+1), row-shifted: frequencies that are zero or half the side along both axes."""
    rows = fftshift_rows((torch.arange(height, device=device) * 2 % height == 0)[:, None])
    columns = torch.arange(width // 2 + 1, device=device) * 2 % width == 0
    return rows & columns


def inverse_rfft2(spectrum: Tensor, width: int, norm: Norm = "backward") -> Tensor:
    """(..., H, W/2+1) complex -> (..., H, W) real: first along H, then along W.

    A filtered half-spectrum is not Hermitian in its first and last column, and FFT libraries treat the imaginary parts
    there differently. Here they are dropped between two one-dimensional transforms, so all machines agree.
    """
    columns = torch.fft.ifft(spectrum, dim=-2, norm=norm)
    keep = torch.ones(width // 2 + 1, 2, dtype=columns.real.dtype, device=columns.device)
    keep[0, 1] = 0
    if width % 2 == 0:
        keep[-1, 1] = 0
    real = torch.view_as_complex(torch.view_as_real(columns) * keep)
    image: Tensor = torch.fft.irfft(real, n=width, dim=-1, norm=norm)
    return image
