"""The front: a small residual network on LR that removes what compression left in it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain


class Front(nn.Module):
    """LR (B, C, h, w) -> the same size; at first LR itself."""

    def __init__(self, channels: int, nf: int, n_blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(channels, nf, 3, padding=1)
        self.body = ResidualChain(nf, n_blocks)
        self.tail = nn.Conv2d(nf, channels, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        residual: Tensor = self.tail(self.body(F.leaky_relu(self.head(lr), 0.1)))
        return lr + residual

    @property
    def halo(self) -> int:
        """Pixels around one that its result depends on."""
        return self.body.receptive_field(ReceptiveField(0, 0).conv()).conv().halo()
