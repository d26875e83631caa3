"""EDSR: residual blocks without normalization, the common baseline of single-image super-resolution."""

from __future__ import annotations

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import MeanShift, require_least
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.blocks.upsampling import UpsampleTail, shuffle_factors
from refsr.networks.descriptor import Descriptor


class EDSR(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s a product of twos and threes (Lim et al., CVPR workshops 2017).

    The defaults are the baseline model; the large one has nf = 256, n_blocks = 32 and residual_scale = 0.1. Inside,
    images are scaled to [0, span], 255 as published, minus DIV2K's mean colour.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        nf: int = 64,
        n_blocks: int = 16,
        residual_scale: float = 1.0,
        span: float = 255.0,
    ) -> None:
        require_least("EDSR", 1, channels=channels, nf=nf)
        require_least("EDSR", 0, n_blocks=n_blocks)
        if span <= 0:
            raise UsageError(f"EDSR: span is {span}, expected more than 0")
        factors = shuffle_factors("EDSR", scale)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.mean_shift = MeanShift(channels, span)
        self.head = nn.Conv2d(channels, nf, 3, padding=1)
        self.body = ResidualChain(nf, n_blocks, residual_scale)
        self.conv_after_body = nn.Conv2d(nf, nf, 3, padding=1)
        self.tail = UpsampleTail(nf, channels, factors)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.head(self.mean_shift(lr))
        feature = feature + self.conv_after_body(self.body(feature))
        return self.mean_shift.back(self.tail(feature))

    @property
    def descriptor(self) -> Descriptor:
        feature = self.body.receptive_field(self.tail.receptive_field(ReceptiveField(0, self.scale - 1)).conv())
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), halo=feature.conv().halo())
