"""Networks whose results are known: the reference where it counts, else upsampled LR."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.networks.descriptor import Descriptor
from refsr.ops.resize import imresize_tensor

SCALE = 4


class Copying(nn.Module):
    """Upsampled LR, and the reference by its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(1))
        self.calls = 0

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(SCALE, 3, ("lr", "ref", "ref_weight"), halo=3)

    def forward(self, lr: Tensor, ref: Tensor, ref_weight: Tensor) -> Tensor:
        self.calls += 1
        up = imresize_tensor(lr, SCALE).clamp(0, 1)
        return up + ref_weight * (ref - up)


class OwnPasses(Copying):
    """The same around a single-image network, which upsamples otherwise, at even sides only."""

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(SCALE, 3, ("lr", "ref", "ref_weight"), multiple=2, halo=3, optional=("base",))

    def single_image(self, lr: Tensor) -> Tensor:
        return imresize_tensor(lr, SCALE, kernel="linear").clamp(0, 1)

    def forward(self, lr: Tensor, ref: Tensor, ref_weight: Tensor, *, base: Tensor | None = None) -> Tensor:
        image = self.single_image(lr) if base is None else base
        return image + ref_weight * (ref - image)
