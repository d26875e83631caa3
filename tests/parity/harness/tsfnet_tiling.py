"""Answers for TSFNet's tile scans."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
from torch import Tensor, nn

from harness.case import Case
from harness.run import Answers
from refsr.inference.published_tiling import origins
from refsr.inference.tiling import restore_tiled
from refsr.networks.descriptor import Descriptor
from refsr.networks.tsfnet.network import nearest_upsample

PASSES = {"test": "tsfnet-test", "val": "tsfnet-val"}


class StandIn(nn.Module):
    """(B, C, h, w) -> (B, C, s*h, s*w): each pixel as a block, and the mean of all that the tile holds."""

    def __init__(self, scale: int, channels: int) -> None:
        super().__init__()
        self.scale, self.channels = scale, channels

    def forward(self, lr: Tensor) -> Tensor:
        return nearest_upsample(lr, self.scale) + lr.mean()

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",))


def scans(case: Case) -> Answers:
    """Each image by both scans, and where their tiles begin, those that are visited again too."""
    answers: dict[str, npt.ArrayLike] = {}
    inputs = case.given()
    for name, scale in case.config["images"].items():
        image, side = inputs[name], case.config["patch_size"] // scale
        for label, scan in PASSES.items():
            found = restore_tiled(_unclamped, StandIn(scale, image.shape[1]), {"lr": image}, side, tiling=scan)
            answers[f"{label}_{name}"] = found[..., ::scale, ::scale]
            starts = (origins(length, side, scan) for length in image.shape[-2:])
            answers[f"{label}_{name}_origins"] = list(itertools.product(*starts))
    return answers


def _unclamped(network: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    restored: Tensor = network(batch["lr"])
    return restored
