"""CompactNet: residual blocks at LR's own size, for a CPU; at scale 1 it removes what compression and noise left."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.jpeg_condition import CONTEXT, JpegCondition, conditioned
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.descriptor import Descriptor


class CompactNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w): LR enlarged bilinearly, which it is at first, and what the blocks add.

    With `jpeg_aware`, features are scaled and shifted by the traces of JPEG in the whole image, before and behind the
    blocks: how strongly it was compressed hardly shows in a few pixels.
    """

    def __init__(
        self, scale: int = 4, channels: int = 3, nf: int = 48, n_blocks: int = 4, jpeg_aware: bool = False
    ) -> None:
        require_least("CompactNet", 1, scale=scale, channels=channels, nf=nf)
        require_least("CompactNet", 0, n_blocks=n_blocks)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.head = nn.Conv2d(channels, nf, 3, padding=1)
        self.condition = JpegCondition(nf) if jpeg_aware else None
        self.body = ResidualChain(nf, n_blocks)
        self.tail = nn.Conv2d(nf, channels * scale**2, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        features = conditioned(self.body, F.leaky_relu(self.head(lr), 0.1), self.condition, lr)
        added: Tensor = self.tail(features)
        if self.scale == 1:
            return lr + added
        enlarged: Tensor = F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return enlarged + F.pixel_shuffle(added, self.scale)

    @property
    def descriptor(self) -> Descriptor:
        if self.condition is not None:
            return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), context=CONTEXT)
        output = ReceptiveField(0, self.scale - 1)
        added = self.body.receptive_field(output.pixel_shuffle(self.scale).conv()).conv()
        seen = added if self.scale == 1 else added.joined(output.bilinear(self.scale))
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), halo=seen.halo())
