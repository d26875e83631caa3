"""The form in which tasks get images."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Unit = npt.NDArray[np.float32]
"""An image (H, W, C) in float32 whose declared range became [0, 1]."""


class Sample(TypedDict, total=False):
    """Float tensors (C, H, W) in RGB and [0, 1], as many of them as the data set has, and the sample's name."""

    name: str
    lr: Tensor
    lr_up: Tensor
    ref: Tensor
    ref_down: Tensor
    ref_weight: Tensor
    hr: Tensor
    mask: Tensor
    hsi: Tensor
    base: Tensor


PackedSample = tuple[str, dict[str, tuple[Tensor, float, float]]]
"""A sample's name and members as they are stored, (C, H, W), each with the raw values that become 0 and 1."""


def unpacked(packed: PackedSample) -> Sample:
    """The sample in floats; a batch of packed samples becomes a batch."""
    name, members = packed
    sample: Sample = {"name": name}
    for member, (raw, low, high) in members.items():
        sample[member] = unit_tensor(raw, low, high)  # type: ignore[literal-required]
    return sample


def unit_tensor(raw: Tensor, low: float, high: float) -> Tensor:
    """Raw values -> float32 with `low` at 0 and `high` at 1, values beyond clipped; on whatever device they are."""
    values = raw.to(torch.float32)
    if raw.dtype is torch.uint8 and (low, high) == (0, 255):
        return values.div_(255)
    if (low, high) != (0, 1):
        values = (values - low) / (high - low)
    return values.clamp(0, 1)


MEMBERS = ("lr", "lr_up", "ref", "ref_down", "ref_weight", "hr", "mask", "hsi", "base")
