"""A network that only enlarges, and copies the reference where it counts: it costs nothing, or so long as is asked."""

from __future__ import annotations

import time

from torch import Tensor, nn, zeros

from refsr.core.registry import register_network
from refsr.networks.descriptor import Descriptor


class Enlarging(nn.Module):
    """Each tile waits for `pause` seconds, which gives tests the time to kill what computes it."""

    descriptor = Descriptor(scale=4, channels=3, inputs=("lr", "ref", "ref_weight"), halo=3)

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__()
        self.none = nn.Parameter(zeros(1))
        self.pause = pause

    def forward(self, lr: Tensor, ref: Tensor, ref_weight: Tensor) -> Tensor:
        time.sleep(self.pause)
        up = nn.functional.interpolate(lr, scale_factor=4)
        return up + ref_weight * (ref - up)


register_network("Enlarging", "enlarging:Enlarging")
