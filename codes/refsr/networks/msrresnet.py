"""MSRResNet, the SRResNet of BasicSR and MMSR: residual blocks without normalization, added to bilinear LR."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.blocks.upsampling import PixelShuffleUpsampler, shuffle_factors
from refsr.networks.descriptor import Descriptor

SLOPE = 0.1
"""Of the leaky ReLUs outside the blocks."""


class MSRResNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s a product of twos and threes.

    Unlike SRResNet it has no normalization, 3x3 kernels at both ends, no skip connection over all blocks, one more
    convolution at full size, and adds bilinear LR. Released weights are for s = 2, 3 and 4.
    """

    def __init__(self, scale: int = 4, channels: int = 3, nf: int = 64, n_blocks: int = 16) -> None:
        require_least("MSRResNet", 1, channels=channels, nf=nf)
        require_least("MSRResNet", 0, n_blocks=n_blocks)
        factors = shuffle_factors("MSRResNet", scale)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.head = nn.Conv2d(channels, nf, 3, padding=1)
        self.body = ResidualChain(nf, n_blocks)
        self.upsample = PixelShuffleUpsampler(nf, factors, partial(nn.LeakyReLU, SLOPE))
        self.conv_hr = nn.Conv2d(nf, nf, 3, padding=1)
        self.to_image = nn.Conv2d(nf, channels, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.upsample(self.body(F.leaky_relu(self.head(lr), SLOPE)))
        residual: Tensor = self.to_image(F.leaky_relu(self.conv_hr(feature), SLOPE))
        return residual + F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)

    @property
    def descriptor(self) -> Descriptor:
        feature = self.upsample.receptive_field(ReceptiveField(0, self.scale - 1).conv(times=2))
        halo = self.body.receptive_field(feature).conv().halo()
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), halo=halo)
