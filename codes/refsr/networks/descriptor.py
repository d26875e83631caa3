"""What a network declares about itself: scale, channels, inputs, size multiple, halo, safe types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

INPUTS = ("lr", "lr_up", "ref", "ref_down", "mask", "hsi")
"""The members of a sample that a network may take, in the order of its forward arguments."""


@dataclass(frozen=True)
class Descriptor:
    """The contract of a network's forward pass; sizes are in LR pixels."""

    scale: int
    channels: int
    inputs: tuple[str, ...]
    multiple: int = 1
    """Both sides of LR must be multiples of this; callers pad by reflection and crop the result."""
    halo: int | None = None
    """How far the receptive field reaches beyond a pixel, offsets of deformable layers left out; None: the whole image,
    so tiles are never exact."""
    stochastic: bool = False
    """A diffusion denoiser: forward takes the noisy image and the noise level before the inputs."""
    safe_dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
    """Types that autocast may use: the error is rounding only."""
    side: int | None = None
    """LR has this many pixels a side and no other size; larger images are restored in patches."""
    hsi_bands: int = 0
    """Bands of the hyperspectral cube, on LR's grid."""
    latent_size: int = 0
    """An unconditional generator: forward takes normal latents (B, latent_size) before the inputs, if any."""
    stages: int = 1
    """With `every_stage=True`, forward returns this many images, the result first; the loss takes all of them."""

    def __post_init__(self) -> None:
        unknown = set(self.inputs) - set(INPUTS)
        if unknown:
            raise ValueError(f"inputs {sorted(unknown)} are no members of a sample")


@runtime_checkable
class DescribedNetwork(Protocol):
    """A network with a descriptor."""

    @property
    def descriptor(self) -> Descriptor: ...
