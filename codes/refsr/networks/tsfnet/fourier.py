"""Fast Fourier convolutions (FFC) that TSFNet's release holds but its network does not use; for your own networks.

TSFNet's spectral split is the hourglass without its learned filter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.tsfnet.spectrum import at_least_float32, fftshift_rows, ifftshift_rows, inverse_rfft2

ROWS, COLUMNS = 3, 2
"""Control points of the hourglass along the two axes of a half-spectrum."""


class FourierUnit(nn.Module):
    """(B, C, H, W) -> (B, C', H, W): FFC's Fourier unit, a 1x1 convolution over real and imaginary parts."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, 2 * out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * out_channels)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.fft.rfft2(at_least_float32(x), norm="ortho")
            parts = torch.stack((spectrum.real, spectrum.imag), dim=2).flatten(1, 2)
            mixed = F.relu(self.norm(self.mix(parts)))
            return inverse_rfft2(torch.complex(mixed[:, ::2], mixed[:, 1::2]), x.shape[-1], "ortho").to(x.dtype)


class SpectralTransform(nn.Module):
    """(B, C, H, W) -> (B, C', H/stride, W/stride): FFC's spectral transform, global and, with `local`, of quarters."""

    def __init__(self, channels: int, out_channels: int, stride: int = 1, local: bool = True) -> None:
        super().__init__()
        half = out_channels // 2
        self.stride = stride
        self.conv_in = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.whole = FourierUnit(half, half)
        self.local = FourierUnit(half, half) if local else None
        self.conv_out = nn.Conv2d(half, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both sides are even where there is a local unit."""
        x = self.conv_in(F.avg_pool2d(x, 2) if self.stride == 2 else x)
        result = x + self.whole(x)
        if self.local is not None:
            few = x[:, : x.shape[1] // 4]
            quarters = torch.cat(torch.cat(few.chunk(2, -2), dim=1).chunk(2, -1), dim=1)
            result = result + self.local(quarters).tile(1, 1, 2, 2)
        projected: Tensor = self.conv_out(result)
        return projected


class FastFourierConv(nn.Module):
    """FFC, local and global features (B, C/2, H, W) each -> (B, C'/2, H, W) each."""

    def __init__(self, channels: int, out_channels: int, kernel: int = 3, local: bool = False) -> None:
        super().__init__()
        half, out = channels // 2, out_channels // 2

        def conv() -> nn.Conv2d:
            return nn.Conv2d(half, out, kernel, padding=kernel // 2, padding_mode="reflect", bias=False)

        self.local_to_local, self.local_to_global, self.global_to_local = conv(), conv(), conv()
        self.global_to_global = SpectralTransform(half, out, local=local)
        self.local_norm, self.global_norm = nn.BatchNorm2d(out), nn.BatchNorm2d(out)

    def forward(self, local: Tensor, everywhere: Tensor) -> tuple[Tensor, Tensor]:
        new_local = self.local_to_local(local) + self.global_to_local(everywhere)
        new_global = self.local_to_global(local) + self.global_to_global(everywhere)
        return F.relu(self.local_norm(new_local)), F.relu(self.global_norm(new_global))


class SpectralHourglass(nn.Module):
    """(B, C, H, W) -> (B, C', H, W): a channel mixing that varies smoothly with the frequency."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.mixes = nn.Parameter(torch.empty(2 * channels, 2 * out_channels * ROWS * COLUMNS))
        nn.init.kaiming_uniform_(self.mixes, a=5**0.5, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            spectrum = fftshift_rows(torch.fft.rfft2(at_least_float32(x), norm="forward"))
            seen = F.relu(self.conv_in(torch.cat((spectrum.real, spectrum.imag), dim=1)))
            points = control_points(x.shape[-2], x.shape[-1], seen)
            mixes = self.mixes.reshape(len(self.mixes), -1, ROWS * COLUMNS).unbind(2)
            parts = [F.conv2d(seen * at, mix.t()[:, :, None, None]) for at, mix in zip(points, mixes, strict=True)]
            real, imaginary = torch.stack(parts).sum(dim=0).chunk(2, dim=1)
            return inverse_rfft2(ifftshift_rows(torch.complex(real, imaginary)), x.shape[-1], "forward").to(x.dtype)


def control_points(height: int, width: int, like: Tensor) -> Tensor:
    """(points, H, W/2+1): bilinear weight of each point, rows first, at each row-shifted frequency."""
    first = -1 + 2 / height if height % 2 == 0 else -1.0
    rows = torch.linspace(first, 1, height, dtype=like.dtype, device=like.device)
    columns = torch.linspace(0, 1, width // 2 + 1, dtype=like.dtype, device=like.device)
    down = torch.stack([(1 - (rows - at).abs()).clamp_min(0) for at in (-1, 0, 1)])
    across = torch.stack([1 - columns, columns])
    return (down[:, None, :, None] * across[None, :, None, :]).flatten(0, 1)
