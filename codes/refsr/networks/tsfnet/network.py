"""TSFNet: single-image super-resolution by large factors, in two spatial-frequency stages (TGRS 2024)."""

from __future__ import annotations

import math
from typing import Literal, overload

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import require_known, require_least
from refsr.networks.descriptor import Descriptor
from refsr.networks.tsfnet.phase_filter import FFT_NORMS, FFTNorm
from refsr.networks.tsfnet.split import SpectralSplit
from refsr.networks.tsfnet.stage import UNetStage

MULTIPLE = 16
"""Sides of the result are multiples of this: after three downsamplings they are still even."""


class TSFNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s*h and s*w multiples of 16; `every_stage`: the first stage's too.

    Published for s = 4, 8 and 16, three channels, nf = 64, n_blocks = 2 residual blocks in a spatial block, and
    results of 256 x 256 only. LR is upsampled by nearest neighbour first, so weights of one scale fit every other.
    `fft_norm`: the filters work on spectra of an unscaled FFT (`released`), or of a scaled one (`scaled`), whose
    values do not grow with the image.
    """

    def __init__(
        self,
        scale: int = 8,
        channels: int = 3,
        nf: int = 64,
        n_blocks: int = 2,
        heads: int = 8,
        fft_norm: FFTNorm = "released",
    ) -> None:
        require_least("TSFNet", 1, scale=scale, channels=channels, nf=nf, heads=heads)
        require_least("TSFNet", 0, n_blocks=n_blocks)
        step = math.lcm(2, heads)
        if nf % step:
            near = max(step, round(nf / step) * step)
            raise UsageError(f"TSFNet: nf {nf} is no multiple of 2 and of heads {heads}; {near} would be")
        require_known("TSFNet", FFT_NORMS, fft_norm=fft_norm)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.first = UNetStage(channels, nf, n_blocks, heads, fft_norm, guided=False)
        self.split = SpectralSplit(fft_norm)
        self.second = UNetStage(channels, nf, n_blocks, heads, fft_norm, guided=True)

    @overload
    def forward(self, lr: Tensor, *, every_stage: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, lr: Tensor, *, every_stage: Literal[True]) -> tuple[Tensor, Tensor]: ...

    def forward(self, lr: Tensor, *, every_stage: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        coarse, features = self.first(nearest_upsample(lr, self.scale))
        fine, _ = self.second(coarse, self.split(features))
        return (fine, coarse) if every_stage else fine

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr",),
            multiple=MULTIPLE // math.gcd(MULTIPLE, self.scale),
            halo=None,
            stages=2,
        )


def nearest_upsample(image: Tensor, scale: int) -> Tensor:
    """(B, C, h, w) -> (B, C, s*h, s*w): each pixel becomes a block of s x s."""
    batch, channels, height, width = image.shape
    blocks = image[:, :, :, None, :, None].expand(-1, -1, -1, scale, -1, scale)
    return blocks.reshape(batch, channels, height * scale, width * scale)
