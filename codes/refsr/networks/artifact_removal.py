"""ArtifactRemoval: a small residual network at LR's own size, against what compression and noise left in LR."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.descriptor import Descriptor


class ArtifactRemoval(nn.Module):
    """LR (B, C, h, w) -> the same size; at first LR itself."""

    def __init__(self, scale: int = 1, channels: int = 3, nf: int = 36, n_blocks: int = 2) -> None:
        require_least("ArtifactRemoval", 1, channels=channels, nf=nf)
        require_least("ArtifactRemoval", 0, n_blocks=n_blocks)
        if scale != 1:
            raise UsageError(f"ArtifactRemoval: scale is {scale}; it keeps the size, expected 1")
        super().__init__()
        self.channels = channels
        self.head = nn.Conv2d(channels, nf, 3, padding=1)
        self.body = ResidualChain(nf, n_blocks)
        self.tail = nn.Conv2d(nf, channels, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        residual: Tensor = self.tail(self.body(F.leaky_relu(self.head(lr), 0.1)))
        return lr + residual

    @property
    def descriptor(self) -> Descriptor:
        halo = self.body.receptive_field(ReceptiveField(0, 0).conv()).conv().halo()
        return Descriptor(scale=1, channels=self.channels, inputs=("lr",), halo=halo)
