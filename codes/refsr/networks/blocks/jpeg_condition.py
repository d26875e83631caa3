"""Features modulated by the traces of JPEG in an image: how strongly it was compressed hardly shows in a few pixels."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from refsr.networks.blocks.jpeg_traces import QUALITIES, JpegTraces

CONTEXT = 32
"""LR pixels around a tile that leave its result near to that of the whole image, when it looks for traces of JPEG."""


def conditioned(body: nn.Module, features: Tensor, condition: JpegCondition | None, lr: Tensor) -> Tensor:
    """Features through a body, modulated before and behind it by the traces of JPEG in LR, if there is a condition."""
    if condition is None:
        plain: Tensor = body(features)
        return plain
    before, behind = condition(lr)
    modulated: Tensor = behind(body(before(features)))
    return modulated


class Modulation(NamedTuple):
    """A scale, beside 1, and a shift of each feature (B, C, 1, 1)."""

    scale: Tensor
    shift: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        return features * (1 + self.scale) + self.shift


class JpegCondition(nn.Module):
    """LR (B, C, h, w) -> two modulations of `nf` features by the traces of JPEG in it."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        self.traces = JpegTraces()
        self.layers = nn.Sequential(nn.Linear(len(QUALITIES), nf), nn.ReLU(), nn.Linear(nf, 4 * nf))

    def forward(self, lr: Tensor) -> tuple[Modulation, Modulation]:
        found = self.layers(self.traces(lr))[..., None, None].chunk(4, 1)
        return Modulation(*found[:2]), Modulation(*found[2:])
