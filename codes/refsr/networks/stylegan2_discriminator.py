"""StyleGAN2's discriminator: residual blocks down to 4 x 4, and the minibatch standard deviation."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks.stylegan2_layers import DiscriminatorBlock, EqualizedConv2d, EqualizedLinear
from refsr.networks.blocks.stylegan2_synthesis import (
    SMALLEST,
    level_channels,
    require_channels,
    require_side,
    sides_from_to,
)

GROUP = 4


def append_minibatch_stddev(x: Tensor, group: int = GROUP, parts: int = 1) -> Tensor:
    """(B, C, H, W) -> (B, C + parts, H, W): the mean standard deviation over groups of samples, a channel a part.

    The batch has at most `group` samples or a multiple of it; sample i is grouped with i + B / group and so on.
    """
    batch, channels, height, width = x.shape
    size = min(batch, group)
    if batch % size:
        raise OperatorError(f"minibatch stddev: {batch} samples are neither at most {group} nor a multiple of {group}")
    grouped = x.reshape(size, batch // size, parts, channels // parts, height, width)
    stddev = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))
    planes = stddev.repeat(size, 1)[:, :, None, None].expand(-1, -1, height, width)
    return torch.cat((x, planes), dim=1)


NAME = "StyleGAN2Discriminator"


class StyleGAN2Discriminator(nn.Module):
    """(B, in_nc, side, side) -> logits (B, 1); B is at most 4 or a multiple of 4.

    The samples of a batch are compared with each other, so real and generated images need batches of their own.
    """

    def __init__(
        self, side: int = 256, in_nc: int = 3, latent_channels: int = 512, channel_multiplier: int = 2
    ) -> None:
        super().__init__()
        require_side(NAME, "side", side, 2 * SMALLEST)
        require_channels(NAME, side, latent_channels, channel_multiplier)
        self.side = side
        widths = [
            level_channels(one, latent_channels, channel_multiplier) for one in reversed(sides_from_to(SMALLEST, side))
        ]
        self.from_rgb = EqualizedConv2d(in_nc, widths[0], 1)
        self.blocks = nn.ModuleList(DiscriminatorBlock(before, after) for before, after in itertools.pairwise(widths))
        self.final_conv = EqualizedConv2d(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualizedLinear(widths[-1] * SMALLEST**2, widths[-1], activate=True)
        self.logit = EqualizedLinear(widths[-1], 1)

    def forward(self, image: Tensor) -> Tensor:
        self.require_size(image.shape[2], image.shape[3])
        features = self.from_rgb(image)
        for block in self.blocks:
            features = block(features)
        logits: Tensor = self.logit(self.hidden(self.final_conv(append_minibatch_stddev(features))))
        return logits

    def require_size(self, height: int, width: int) -> None:
        """An OperatorError unless the discriminator takes images of this size."""
        if (height, width) != (self.side, self.side):
            raise OperatorError(
                f"{NAME}: an input of {height} x {width} pixels, it takes {self.side} x {self.side}; "
                "network_D.side makes one for another size"
            )
