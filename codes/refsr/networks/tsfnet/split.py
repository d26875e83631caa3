"""The spectral split: which frequencies of the first stage's finest feature each level of the second one gets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from refsr.networks.tsfnet.phase_filter import Spectra
from refsr.networks.tsfnet.spectrum import Norm, inverse, widened

LEVELS = 4
NORMS: dict[Spectra, Norm] = {"released": "backward", "scaled": "forward"}
"""As released, a band is as many times too large as it has fewer pixels; scaled, it keeps its values."""


class SpectralSplit(nn.Module):
    """Features from coarse to fine (B, C, H/8, W/8) .. (B, C, H, W), H and W multiples of 16 -> the same shapes.

    To the second half of each one's channels comes that band of the finest one's second half that its size can hold.
    The released split is for 256 x 256 alone. Bands here go by level, and each axis has a deviation of its own, a third
    of the window's half side: at 256 x 256 that is the released one.
    """

    def __init__(self, spectra: Spectra = "released") -> None:
        super().__init__()
        self.norm = NORMS[spectra]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        with torch.autocast(features[-1].device.type, enabled=False):
            finest = features[-1].chunk(2, dim=1)[1]
            height, width = finest.shape[-2:]
            spectrum = torch.fft.rfft2(widened(finest), norm=self.norm)
            bands = []
            for weights in reversed(band_weights(height, width, finest.device)):
                rows, columns = weights.shape
                window = spectrum[..., :columns] if rows == height else _window(spectrum, rows, columns)
                bands.append(inverse(window * weights.to(window.real.dtype), 2 * (columns - 1), self.norm))
        found = []
        for feature, band in zip(features, bands, strict=True):
            kept, helped = feature.chunk(2, dim=1)
            found.append(torch.cat((kept, helped + band.to(helped.dtype)), dim=1))
        return found


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
    """(H, W/2+1) with a third of half a side as deviation along each axis."""
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
