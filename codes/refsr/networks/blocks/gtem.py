"""GTEM, the gradient texture enhancement module of RGTGAN: enhances a gradient map before it is encoded."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks.common import require_known
from refsr.networks.blocks.drr import DenseRestoreResidual, init_as_transposed, leaky_selu_
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain

GTEMUpsample = Literal["released", "pixel_shuffle"]
GTEM_UPSAMPLES = ("released", "pixel_shuffle")

MULTIPLE = 4
"""Sides are multiples of this: two downsamplings."""


class GradientEnhancement(nn.Module):
    """GTEM, (B, in, H, W) -> (B, in, H, W), sides multiples of four; works at a quarter of the size, C to 4C channels.

    `gtem_upsample`: how it upsamples twice by two. The released code rearranges pixels so that the result is scrambled
    in space (`scrambled`), and weights trained with it need that. `pixel_shuffle` is what was meant. The outer skip of
    the published module adds its input and subtracts it again, so it is left out here.
    """

    def __init__(
        self, in_channels: int, channels: int, blocks: int = 16, gtem_upsample: GTEMUpsample = "released"
    ) -> None:
        super().__init__()
        require_known("GTEM", GTEM_UPSAMPLES, gtem_upsample=gtem_upsample)
        self.scrambles = gtem_upsample == "released"
        self.downsample = nn.ModuleList(
            [
                nn.Conv2d(in_channels, channels, 3, padding=1),
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
                nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
                nn.Conv2d(2 * channels, 4 * channels, 3, stride=2, padding=1),
                nn.Conv2d(4 * channels, channels, 3, padding=1),
            ]
        )
        self.drr = DenseRestoreResidual(channels)
        self.body = ResidualChain(channels, blocks)
        self.expand = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.attention = nn.ModuleList(
            init_as_transposed(nn.Conv2d(before * channels, after * channels, 3, padding=1))
            for before, after in ((1, 1), (1, 2), (2, 4))
        )
        self.reduce = init_as_transposed(nn.Conv2d(4 * channels, channels, 3, padding=1))
        self.upsample = nn.ModuleList(
            init_as_transposed(nn.Conv2d(channels, 4 * channels, 3, padding=1)) for _ in range(2)
        )
        self.conv_last = init_as_transposed(nn.Conv2d(channels, in_channels, 3, padding=1))

    def forward(self, gradients: Tensor) -> Tensor:
        if gradients.shape[2] % MULTIPLE or gradients.shape[3] % MULTIPLE:
            raise OperatorError(
                f"GTEM: a gradient map has shape {tuple(gradients.shape)}, its sides have to be multiples of {MULTIPLE}"
            )
        x = gradients
        for at, layer in enumerate(self.downsample):
            # The second layer alone is followed by a plain SELU.
            x = F.selu(layer(x)) if at == 1 else leaky_selu_(layer(x))
        attention = x
        for layer in self.attention:
            attention = leaky_selu_(layer(attention))
        x = self.drr(x)
        x = leaky_selu_(self.expand(self.body(x) + x))
        x = leaky_selu_(self.reduce(attention.sigmoid() * x + x))
        for layer in self.upsample:
            x = layer(x)
            x = leaky_selu_(scrambled(x) if self.scrambles else F.pixel_shuffle(x, 2))
        return F.selu(self.conv_last(x))

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The input pixels that these output pixels, which begin at a multiple of four, depend on; not if released."""
        window = output.conv().pixel_shuffle().conv().pixel_shuffle().conv().conv()
        attention = window.conv(times=len(self.attention))
        quarter = self.drr.receptive_field(self.body.receptive_field(window.conv())).joined(attention)
        for layer in reversed(self.downsample):
            assert isinstance(layer, nn.Conv2d)
            quarter = quarter.conv(stride=layer.stride[0])
        return quarter


def scrambled(x: Tensor) -> Tensor:
    """(B, 4C, H, W) -> (B, C, 2H, 2W) as released: each row of pixels fills two rows, its left half the upper one.

    A pixel's four values, channels 0, 2, 1, 3 of a group, are put next to each other, and the sequence is cut into rows
    of twice the length. The result does not depend on the batch size.
    """
    B, C, H, W = x.shape
    sequence = x.view(B, C // 4, 2, 2, H, W).permute(0, 1, 4, 5, 3, 2).flatten(2)
    # In two steps, or an exported graph takes for granted that the sides are even.
    return sequence.view(B, C // 4, 2 * H, 2 * W)
