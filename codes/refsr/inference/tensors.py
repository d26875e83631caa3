"""Tensors as images: (C, H, W) or (B, C, H, W) in, the same out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.data.images import Array


def is_tensors(images: Mapping[str, Any]) -> bool:
    """Whether the images are tensors; a UsageError where only some are."""
    kinds = {role: isinstance(image, Tensor) for role, image in images.items()}
    if len(set(kinds.values())) > 1:
        tensor, other = (next(role for role in kinds if kinds[role] is kind) for kind in (True, False))
        what = type(images[other]).__name__
        raise UsageError(f"{tensor} is a Tensor and {other} is a {what}; expected tensors only, or none")
    return kinds["lr"]


def split_tensors(images: Mapping[str, Tensor]) -> list[dict[str, Array]]:
    """The images of a batch one by one, as arrays (H, W, C): floats as float32, a mask's uint8 as it is."""
    lr = images["lr"]
    for role, image in images.items():
        if image.dim() not in (3, 4) or image.dim() != lr.dim():
            found = f"{role} has the shape {tuple(image.shape)}"
            raise UsageError(f"{found}; expected (C, H, W), or (B, C, H, W) for all")
        if image.dim() == 4 and len(image) != len(lr):
            raise UsageError(f"{role} is a batch of {len(image)}, lr one of {len(lr)}")
        if not image.is_floating_point() and not (role == "mask" and image.dtype == torch.uint8):
            expected = "uint8" if role == "mask" else "floats in [0, 1]"
            raise UsageError(f"{role} is a tensor of {image.dtype}; expected {expected}")
    if lr.dim() == 4 and not len(lr):
        raise UsageError("lr is a batch of no image")
    batches = {role: image if image.dim() == 4 else image[None] for role, image in images.items()}
    return [{role: _as_array(batch[index]) for role, batch in batches.items()} for index in range(len(batches["lr"]))]


def as_tensor(images: Sequence[Array], like: Tensor) -> Tensor:
    """Arrays (H, W, C) -> a tensor as `like` is: a batch or not, of its type and on its device."""
    planes = [torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))) for image in images]
    return (torch.stack(planes) if like.dim() == 4 else planes[0]).to(like.device, like.dtype)


def _as_array(image: Tensor) -> Array:
    planes = image.detach().cpu()
    array: Array = (planes.float() if planes.is_floating_point() else planes).permute(1, 2, 0).numpy()
    return array
