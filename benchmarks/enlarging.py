"""A network of no cost, which only enlarges: what is left of a run's time is reading, warping and writing."""

from __future__ import annotations

from torch import Tensor, nn

import refsr
from refsr.networks.descriptor import Descriptor

BICUBIC_REACH = 2
"""Pixels of LR that bicubic enlargement sees around one."""


class Enlarging(nn.Module):
    """(B, C, h, w) and the other members -> (B, C, s*h, s*w): the upsampled LR; a reference is taken and not used."""

    def __init__(self, scale: int = 4, channels: int = 3, reference: bool = True) -> None:
        super().__init__()
        inputs = ("lr", "lr_up", "ref", "ref_down") if reference else ("lr", "lr_up")
        self.descriptor = Descriptor(scale, channels, inputs, halo=BICUBIC_REACH)

    def forward(self, lr: Tensor, lr_up: Tensor, *reference: Tensor) -> Tensor:
        return lr_up


refsr.register_network("Enlarging", Enlarging)
