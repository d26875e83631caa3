"""TSFNet: a single image enlarged by large factors in two stages, coarse and fine."""

from __future__ import annotations

import math
from typing import Literal, overload

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import require_known, require_least
from refsr.networks.descriptor import Descriptor
from refsr.networks.tsfnet.phase_filter import SPECTRA, Spectra
from refsr.networks.tsfnet.split import SpectralSplit
from refsr.networks.tsfnet.stage import Stage

SIDE = 16
"""Sides of the result are multiples of this: halved three times, they are even."""


class TSFNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s*h and s*w multiples of 16; `every_stage`: the first stage's too.

    Published for s = 4, 8 and 16, three bands, nf = 64, two pairs and results of 256 x 256 alone. LR is enlarged by
    nearest neighbour before anything else, so weights of one factor fit every other. `spectra`: filters see raw
    spectra as released, or orthonormal ones (`scaled`), whose values do not grow with the image.
    """

    def __init__(
        self,
        scale: int = 8,
        channels: int = 3,
        nf: int = 64,
        n_pairs: int = 2,
        heads: int = 8,
        spectra: Spectra = "released",
    ) -> None:
        require_least("TSFNet", 1, scale=scale, channels=channels, nf=nf, heads=heads)
        require_least("TSFNet", 0, n_pairs=n_pairs)
        step = math.lcm(2, heads)
        if nf % step:
            near = max(step, round(nf / step) * step)
            raise UsageError(f"TSFNet: nf {nf} is no multiple of 2 and of heads {heads}; {near} would be")
        require_known("TSFNet", SPECTRA, spectra=spectra)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.first = Stage(channels, nf, n_pairs, heads, spectra, guided=False)
        self.split = SpectralSplit(spectra)
        self.second = Stage(channels, nf, n_pairs, heads, spectra, guided=True)

    @overload
    def forward(self, lr: Tensor, *, every_stage: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, lr: Tensor, *, every_stage: Literal[True]) -> tuple[Tensor, Tensor]: ...

    def forward(self, lr: Tensor, *, every_stage: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        coarse, features = self.first(enlarged(lr, self.scale))
        fine, _ = self.second(coarse, self.split(features))
        return (fine, coarse) if every_stage else fine

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr",),
            multiple=SIDE // math.gcd(SIDE, self.scale),
            halo=None,
            stages=2,
        )


def enlarged(image: Tensor, scale: int) -> Tensor:
    """(B, C, h, w) -> (B, C, s*h, s*w): each pixel as a block."""
    batch, channels, height, width = image.shape
    blocks = image[:, :, :, None, :, None].expand(-1, -1, -1, scale, -1, scale)
    return blocks.reshape(batch, channels, height * scale, width * scale)
