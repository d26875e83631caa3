"""The spectral split: frequency bands of the first stage's finest feature, one for each level of the second stage."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from refsr.networks.tsfnet.phase_filter import FFTNorm
from refsr.networks.tsfnet.spectrum import Norm, at_least_float32, inverse_rfft2

LEVELS = 4
NORMS: dict[FFTNorm, Norm] = {"released": "backward", "scaled": "forward"}
"""As released, a band is too large by the ratio of the pixel counts; scaled, values keep their size."""


class SpectralSplit(nn.Module):
    """Features from coarse to fine (B, C, H/8, W/8) .. (B, C, H, W), H and W multiples of 16 -> the same shapes.

    To the second half of each feature's channels is added the band of the finest feature's second half that fits its
    size. The released split is for 256 x 256 only. Here bands go by level, and the Gaussians' standard deviation along
    each axis is a third of half the window's side, which at 256 x 256 is the released one.
    """

    def __init__(self, fft_norm: FFTNorm = "released") -> None:
        super().__init__()
        self.norm = NORMS[fft_norm]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        with torch.autocast(features[-1].device.type, enabled=False):
            finest = features[-1].chunk(2, dim=1)[1]
            height, width = finest.shape[-2:]
            spectrum = torch.fft.rfft2(at_least_float32(finest), norm=self.norm)
            bands = []
            for weights in reversed(band_weights(height, width, finest.device)):
                rows, columns = weights.shape
                window = spectrum[..., :columns] if rows == height else _window(spectrum, rows, columns)
                bands.append(inverse_rfft2(window * weights.to(window.real.dtype), 2 * (columns - 1), self.norm))
        result = []
        for feature, band in zip(features, bands, strict=True):
            first, second = feature.chunk(2, dim=1)
            result.append(torch.cat((first, second + band.to(second.dtype)), dim=1))
        return result


def band_weights(height: int, width: int, device: torch.device | None = None) -> list[Tensor]:
    """(h, w/2+1) of each level from fine to coarse, in float64, frequency zero first: a Gaussian less the next one."""
    sizes = [(height >> level, width >> level) for level in range(LEVELS)]
    smooth = [_gaussian(rows, columns, device) for rows, columns in sizes]
    weights = [torch.ones_like(smooth[0]), *(one.clone() for one in smooth[1:])]
    for whole, inner in zip(weights, smooth[1:], strict=False):
        rows, columns = inner.shape
        whole[: rows // 2 + 1, :columns] -= inner[: rows // 2 + 1]
        whole[whole.shape[0] - rows // 2 + 1 :, :columns] -= inner[rows // 2 + 1 :]
    return weights


def _gaussian(height: int, width: int, device: torch.device | None) -> Tensor:
    """(H, W/2+1), standard deviation a third of half the side along each axis."""
    rows = torch.arange(height, dtype=torch.float64, device=device)
    rows = torch.minimum(rows, height - rows)
    columns = torch.arange(width // 2 + 1, dtype=torch.float64, device=device)
    down, across = (torch.exp(-((one / (side / 6)) ** 2) / 2) for one, side in ((rows, height), (columns, width)))
    return down[:, None] * across


def _window(spectrum: Tensor, rows: int, columns: int) -> Tensor:
    """The lowest frequencies, as many as a map of that many rows has."""
    half = rows // 2
    below, above = spectrum[..., : half + 1, :columns], spectrum[..., spectrum.shape[-2] - half + 1 :, :columns]
    return torch.cat((below, above), dim=-2)
