"""A network of nearly no cost that takes all that a reference gives; the tests of this folder know it as `Mixing`."""

from __future__ import annotations

import itertools
from pathlib import Path

from torch import Tensor, nn

from refsr.networks.descriptor import Descriptor, NetworkSpec
from refsr.runs.model_file import ModelCard, write_model

HALO = 2


class Mixing(nn.Module):
    """Enlarged LR with Ref's detail, and some of what lies HALO pixels of LR away."""

    def __init__(self, scale: int = 4) -> None:
        super().__init__()
        self.descriptor = Descriptor(scale, 3, ("lr", "lr_up", "ref", "ref_down"), halo=HALO)

    def forward(self, lr: Tensor, lr_up: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        scale, reach = self.descriptor.scale, HALO * self.descriptor.scale
        height, width = ref.shape[-2:]
        padded = nn.functional.pad(ref, (reach, reach, reach, reach))
        corners = itertools.product((0, 2 * reach), repeat=2)
        far = [padded[..., top : top + height, left : left + width] for top, left in corners]
        large = lr.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        return 0.5 * lr_up + 0.5 * (ref - ref_down) + 0.05 * large + 0.1 * sum(far)


CARD = ModelCard(NetworkSpec("Mixing"), "regression")


def write_mixing(path: Path) -> Path:
    """Its model file."""
    write_model(path, Mixing().state_dict(), CARD)
    return path
