"""Restores images of any size with a fixed-size network: patches that overlap by half, blended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from refsr.networks.descriptor import Descriptor
from refsr.tasks.restore import mirror_padded

Forward = Callable[..., Tensor]


def restore_in_patches(forward: Forward, descriptor: Descriptor, inputs: Sequence[Tensor]) -> Tensor:
    """Inputs (B, C, H, W) on LR's grid -> (B, D, s*H, s*W); images smaller than a patch are mirrored up to it."""
    side, scale = descriptor.side, descriptor.scale
    height, width = inputs[0].shape[-2:]
    if side is None or (height, width) == (side, side):
        return forward(*inputs)
    inputs = [mirror_padded(one, max(0, side - height), max(0, side - width)) for one in inputs]
    weights = _blending_weights(side * scale, inputs[0])
    total: Tensor | None = None
    for top in patch_starts(inputs[0].shape[-2], side):
        for left in patch_starts(inputs[0].shape[-1], side):
            patch = forward(*(one[..., top : top + side, left : left + side] for one in inputs))
            if total is None:
                whole = (scale * one for one in inputs[0].shape[-2:])
                total = patch.new_zeros(patch.shape[0], patch.shape[1] + 1, *whole)
            rows = slice(top * scale, (top + side) * scale)
            columns = slice(left * scale, (left + side) * scale)
            total[:, :-1, rows, columns] += patch * weights
            total[:, -1:, rows, columns] += weights
    assert total is not None
    return (total[:, :-1] / total[:, -1:])[..., : height * scale, : width * scale]


def patch_starts(length: int, side: int) -> list[int]:
    """First pixels of the patches along an axis: half a patch apart, the last one at the end."""
    return [*range(0, length - side, max(1, side // 2)), length - side]


def _blending_weights(side: int, like: Tensor) -> Tensor:
    """(side, side), highest in the middle and above zero everywhere."""
    place = torch.arange(side, dtype=like.dtype, device=like.device)
    ramp = torch.minimum(place + 1, side - place) / side
    return ramp[:, None] * ramp
