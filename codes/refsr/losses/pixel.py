"""Pixel loss: the mean absolute or squared difference of two images."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import UsageError, suggestion

Criterion = Literal["l1", "l2"]
_CRITERIA = {"l1": F.l1_loss, "l2": F.mse_loss}


def pixel_loss(restored: Tensor, target: Tensor, criterion: Criterion = "l1") -> Tensor:
    """(B, C, H, W) twice -> the mean of absolute (l1) or squared (l2) differences, at least in float32."""
    if criterion not in _CRITERIA:
        raise UsageError(f"pixel_loss: criterion {criterion!r} is not known{suggestion(str(criterion), _CRITERIA)}")
    # PyTorch would only warn, broadcast, and compare every image with every other.
    if restored.shape != target.shape:
        raise UsageError(f"pixel_loss: shapes {tuple(restored.shape)} and {tuple(target.shape)} differ")
    return _CRITERIA[criterion](widened(restored), widened(target))


def widened(image: Tensor) -> Tensor:
    """Half-precision types as float32, since a mean over an image loses too much in them."""
    return image.to(torch.promote_types(image.dtype, torch.float32))
