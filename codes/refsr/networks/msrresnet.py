"""MSRResNet, the SRResNet of BasicSR and MMSR: residual blocks alone, on top of a bilinear enlargement."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.blocks.upsampling import ShuffleUpsampling, shuffle_factors
from refsr.networks.blocks.window import Window
from refsr.networks.descriptor import Descriptor

SLOPE = 0.1
"""Of negative values, everywhere but in the blocks."""


class MSRResNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s a product of twos and threes.

    Other than SRResNet it has no normalisation, small kernels at both ends, no connection around all the blocks, one
    convolution more at full size, and adds the bilinear enlargement of LR. The released ones are for s = 2, 3 and 4.
    """

    def __init__(self, scale: int = 4, channels: int = 3, nf: int = 64, n_blocks: int = 16) -> None:
        require_least("MSRResNet", 1, channels=channels, nf=nf)
        require_least("MSRResNet", 0, n_blocks=n_blocks)
        factors = shuffle_factors("MSRResNet", scale)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.head = nn.Conv2d(channels, nf, 3, padding=1)
        self.body = ResidualChain(nf, n_blocks)
        self.enlarge = ShuffleUpsampling(nf, factors, partial(nn.LeakyReLU, SLOPE))
        self.refine = nn.Conv2d(nf, nf, 3, padding=1)
        self.to_image = nn.Conv2d(nf, channels, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.enlarge(self.body(F.leaky_relu(self.head(lr), SLOPE)))
        detail: Tensor = self.to_image(F.leaky_relu(self.refine(feature), SLOPE))
        return detail + F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)

    @property
    def descriptor(self) -> Descriptor:
        feature = self.enlarge.sees(Window(0, self.scale - 1).conv(times=2))
        halo = self.body.sees(feature).conv().halo()
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), halo=halo)
