"""StyleGAN2's discriminator: residual blocks down to 4 x 4, and a look at how much a batch's images differ."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks.equalised import EqualConv, EqualLinear, HalvingBlock
from refsr.networks.blocks.minibatch_stddev import with_minibatch_stddev
from refsr.networks.blocks.synthesis import SMALLEST, level_channels, require_channels, require_side, sides_between

NAME = "StyleGAN2Discriminator"


class StyleGAN2Discriminator(nn.Module):
    """(B, in_nc, side, side) -> logits (B, 1); B is at most 4 or a multiple of 4.

    Samples of a batch are compared with each other, so real and made images must come in batches of their own.
    """

    def __init__(
        self, side: int = 256, in_nc: int = 3, latent_channels: int = 512, channel_multiplier: int = 2
    ) -> None:
        super().__init__()
        require_side(NAME, "side", side, 2 * SMALLEST)
        require_channels(NAME, side, latent_channels, channel_multiplier)
        self.side = side
        widths = [
            level_channels(one, latent_channels, channel_multiplier) for one in reversed(sides_between(SMALLEST, side))
        ]
        self.enter = EqualConv(in_nc, widths[0], 1)
        self.blocks = nn.ModuleList(HalvingBlock(before, after) for before, after in itertools.pairwise(widths))
        self.compare = EqualConv(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualLinear(widths[-1] * SMALLEST**2, widths[-1], activate=True)
        self.judge = EqualLinear(widths[-1], 1)

    def forward(self, image: Tensor) -> Tensor:
        self.require_size(image.shape[2], image.shape[3])
        features = self.enter(image)
        for block in self.blocks:
            features = block(features)
        logits: Tensor = self.judge(self.hidden(self.compare(with_minibatch_stddev(features))))
        return logits

    def require_size(self, height: int, width: int) -> None:
        """An OperatorError unless images of this size can be judged."""
        if (height, width) != (self.side, self.side):
            raise OperatorError(
                f"{NAME}: an input of {height} x {width} pixels, it takes {self.side} x {self.side}; "
                "network_D.side makes one for another size"
            )
