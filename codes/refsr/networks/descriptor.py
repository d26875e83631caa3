"""What a network says of itself, so that nobody else has to know it by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

INPUTS = ("lr", "lr_up", "ref", "ref_down", "mask", "hsi")
"""The members of a sample that a network may ask for, in the order of its forward arguments."""


@dataclass(frozen=True)
class Descriptor:
    """The contract of a network's forward pass; sizes are counted in low-resolution pixels."""

    scale: int
    channels: int
    inputs: tuple[str, ...]
    multiple: int = 1
    """Both sides of LR must be multiples of this; callers pad by mirroring and cut the result."""
    halo: int | None = None
    """How far an output pixel sees, deformable sampling left out; None: everywhere, so tiles are never exact."""
    stochastic: bool = False
    """Restoring draws noise: forward takes the image under it and its level before the inputs."""
    safe_dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
    """Types that autocast may use without losing more than rounding."""
    side: int | None = None
    """LR of this many pixels a side and no others; larger images are restored in pieces."""
    hsi_bands: int = 0
    """Bands of the cube that it takes, on LR's grid."""
    draws: int = 0
    """Images are made from so many random numbers each: forward takes (B, draws) before the inputs, if any."""
    stages: int = 1
    """With `every_stage=True`, forward gives this many images, the result first; each is learnt against the target."""

    def __post_init__(self) -> None:
        unknown = set(self.inputs) - set(INPUTS)
        if unknown:
            raise ValueError(f"inputs {sorted(unknown)} are no members of a sample")


@runtime_checkable
class Described(Protocol):
    """A network that carries its descriptor."""

    @property
    def descriptor(self) -> Descriptor: ...
