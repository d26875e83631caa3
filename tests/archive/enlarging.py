"""A network that only enlarges, and copies the reference where it counts: it costs nothing, or waits as asked."""

from __future__ import annotations

import time
from pathlib import Path

from tile_gate import Gate
from torch import Tensor, nn, zeros

from refsr.core.registry import register_network
from refsr.networks.descriptor import Descriptor


class Enlarging(nn.Module):
    """Gives tests the time to kill what computes a tile: each waits for `pause` seconds, and for its turn at a gate."""

    descriptor = Descriptor(scale=4, channels=3, inputs=("lr", "ref", "ref_weight"), halo=3)

    def __init__(self, pause: float = 0.0, gate: str = "") -> None:
        super().__init__()
        self.none = nn.Parameter(zeros(1))
        self.pause, self.gate = pause, Gate(Path(gate)) if gate else None

    def forward(self, lr: Tensor, ref: Tensor, ref_weight: Tensor) -> Tensor:
        time.sleep(self.pause)
        if self.gate is not None:
            self.gate.wait()
        up = nn.functional.interpolate(lr, scale_factor=4)
        return up + ref_weight * (ref - up)


register_network("Enlarging", "enlarging:Enlarging")
