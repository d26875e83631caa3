"""The discriminator of RRSGAN and RGTGAN: VGG-like, without normalization; a second one takes gradient maps."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as normalised

from refsr.core.errors import OperatorError
from refsr.networks.blocks.common import INITS, Init, kaiming_init, require_known, require_least

NAME = "discriminator_vgg_128"

Head = Literal["linear", "pooled"]
HEADS = ("linear", "pooled")

DOWNSAMPLINGS = 5
SMALLEST = 2**DOWNSAMPLINGS
"""Shortest side (pixels) that leaves a pixel behind all downsamplings."""

HIDDEN = 100
SLOPE = 0.2
"""Of the leaky ReLUs."""


class VGGDiscriminator(nn.Module):
    """(B, in_nc, H, W), an image or a gradient map -> logits (B, 1), high for real ones.

    Five downsamplings, nf to 8 nf channels. `head: linear`, as published, flattens the last features, so it takes crops
    of one size, `crop_size` (256 as published, whatever the network's name says), and gradient maps two pixels larger.
    `pooled` averages them and takes any size from 32 on. `spectral_norm` normalizes all layers. `init: released` is
    PyTorch's default, with which the signal vanishes over twelve layers and the first hundreds of iterations learn
    little; `kaiming` keeps the features' size.
    """

    def __init__(
        self,
        in_nc: int = 3,
        nf: int = 64,
        head: Head = "linear",
        crop_size: int = 256,
        spectral_norm: bool = False,
        init: Init = "released",
    ) -> None:
        super().__init__()
        _check(in_nc, nf, head, crop_size, init)
        self.head = head
        self.side = crop_size // SMALLEST
        widths = (in_nc, *(nf * min(8, 2**level) for level in range(DOWNSAMPLINGS)))
        self.layers = nn.ModuleList()
        for level in range(DOWNSAMPLINGS):
            before, after = widths[level], widths[level + 1]
            # Only the first convolution has a bias.
            self.layers.append(nn.Conv2d(before, after, 3, padding=1, bias=level == 0))
            self.layers.append(nn.Conv2d(after, after, 4, stride=2, padding=1, bias=False))
        self.hidden = nn.Linear(widths[-1] * (self.side**2 if head == "linear" else 1), HIDDEN)
        self.logit = nn.Linear(HIDDEN, 1)
        if init == "kaiming":
            for layer in (*self.layers, self.hidden):
                kaiming_init(layer, SLOPE)
        if spectral_norm:
            for layer in (*self.layers, self.hidden, self.logit):
                normalised(layer)

    def forward(self, image: Tensor) -> Tensor:
        self.require_size(image.shape[2], image.shape[3])
        for layer in self.layers:
            image = F.leaky_relu(layer(image), SLOPE)
        features = image.flatten(1) if self.head == "linear" else image.mean(dim=(2, 3))
        logits: Tensor = self.logit(F.leaky_relu(self.hidden(features), SLOPE))
        return logits

    def require_size(self, height: int, width: int) -> None:
        """An OperatorError unless the discriminator takes images of this size."""
        given = f"{NAME}: an input of {height} x {width} pixels"
        if min(height, width) < SMALLEST:
            raise OperatorError(f"{given}, it takes {SMALLEST} a side or more")
        if self.head == "linear" and not height // SMALLEST == width // SMALLEST == self.side:
            least = self.side * SMALLEST
            raise OperatorError(
                f"{given}, its linear head takes {least} to {least + SMALLEST - 1} a side; crop_size {height} makes "
                "one for crops of that size, head pooled one for any"
            )


def _check(in_nc: int, nf: int, head: str, crop_size: int, init: str) -> None:
    require_least(NAME, 1, in_nc=in_nc, nf=nf)
    require_known(NAME, HEADS, head=head)
    require_known(NAME, INITS, init=init)
    require_least(NAME, SMALLEST, crop_size=crop_size)
