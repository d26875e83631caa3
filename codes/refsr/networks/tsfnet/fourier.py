"""Fourier convolutions that TSFNet's release carries and its network never builds; for networks of one's own.

Its spectral split is the hourglass here without the learned filter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.tsfnet.spectrum import centred, inverse, uncentred, widened

ROWS, COLUMNS = 3, 2
"""Control points of the hourglass along the two axes of a half-spectrum."""


class FourierUnit(nn.Module):
    """(B, C, H, W) -> (B, C', H, W): one mixing of channels for all frequencies, real and imaginary parts apart."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, 2 * out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * out_channels)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.fft.rfft2(widened(x), norm="ortho")
            parts = torch.stack((spectrum.real, spectrum.imag), dim=2).flatten(1, 2)
            mixed = F.relu(self.norm(self.mix(parts)))
            return inverse(torch.complex(mixed[:, ::2], mixed[:, 1::2]), x.shape[-1], "ortho").to(x.dtype)


class SpectralTransform(nn.Module):
    """(B, C, H, W) -> (B, C', H/stride, W/stride): Fourier units of the whole map and, `local`, of its quarters."""

    def __init__(self, channels: int, out_channels: int, stride: int = 1, local: bool = True) -> None:
        super().__init__()
        half = out_channels // 2
        self.stride = stride
        self.enter = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.whole = FourierUnit(half, half)
        self.local = FourierUnit(half, half) if local else None
        self.leave = nn.Conv2d(half, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both sides are even where there is a local unit."""
        x = self.enter(F.avg_pool2d(x, 2) if self.stride == 2 else x)
        found = x + self.whole(x)
        if self.local is not None:
            few = x[:, : x.shape[1] // 4]
            quarters = torch.cat(torch.cat(few.chunk(2, -2), dim=1).chunk(2, -1), dim=1)
            found = found + self.local(quarters).tile(1, 1, 2, 2)
        result: Tensor = self.leave(found)
        return result


class TwoBranches(nn.Module):
    """Local and global features (B, C/2, H, W) each -> the same two: convolutions near by, a transform far away."""

    def __init__(self, channels: int, out_channels: int, kernel: int = 3, local: bool = False) -> None:
        super().__init__()
        half, out = channels // 2, out_channels // 2

        def near() -> nn.Conv2d:
            return nn.Conv2d(half, out, kernel, padding=kernel // 2, padding_mode="reflect", bias=False)

        self.local_to_local, self.local_to_global, self.global_to_local = near(), near(), near()
        self.global_to_global = SpectralTransform(half, out, local=local)
        self.local_norm, self.global_norm = nn.BatchNorm2d(out), nn.BatchNorm2d(out)

    def forward(self, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        local = self.local_to_local(near) + self.global_to_local(far)
        everywhere = self.local_to_global(near) + self.global_to_global(far)
        return F.relu(self.local_norm(local)), F.relu(self.global_norm(everywhere))


class SpectralHourglass(nn.Module):
    """(B, C, H, W) -> (B, C', H, W): a mixing of channels that changes smoothly with the frequency."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.mixes = nn.Parameter(torch.empty(2 * channels, 2 * out_channels * ROWS * COLUMNS))
        nn.init.kaiming_uniform_(self.mixes, a=5**0.5, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            spectrum = centred(torch.fft.rfft2(widened(x), norm="forward"))
            seen = F.relu(self.enter(torch.cat((spectrum.real, spectrum.imag), dim=1)))
            points = control_points(x.shape[-2], x.shape[-1], seen)
            mixes = self.mixes.reshape(len(self.mixes), -1, ROWS * COLUMNS).unbind(2)
            parts = [F.conv2d(seen * at, mix.t()[:, :, None, None]) for at, mix in zip(points, mixes, strict=True)]
            real, imaginary = torch.stack(parts).sum(dim=0).chunk(2, dim=1)
            return inverse(uncentred(torch.complex(real, imaginary)), x.shape[-1], "forward").to(x.dtype)


def control_points(height: int, width: int, like: Tensor) -> Tensor:
    """(points, H, W/2+1): how much each point, rows first, counts at each centred frequency; bilinear."""
    first = -1 + 2 / height if height % 2 == 0 else -1.0
    rows = torch.linspace(first, 1, height, dtype=like.dtype, device=like.device)
    columns = torch.linspace(0, 1, width // 2 + 1, dtype=like.dtype, device=like.device)
    down = torch.stack([(1 - (rows - at).abs()).clamp_min(0) for at in (-1, 0, 1)])
    across = torch.stack([1 - columns, columns])
    return (down[:, None, :, None] * across[None, :, None, :]).flatten(0, 1)
