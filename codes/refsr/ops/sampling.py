"""Bilinear samples at any place, as both deformable convolutions take them: zeros outside, slopes to the right."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bilinear(planes: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N, C, H, W) at places in pixels (N, R, S) -> (N, C, R, S).

    The gradient of a place is the slope of the cell right of and below it, at whole numbers too.
    """
    H, W = planes.shape[2:]
    high, wide = _side(H), _side(W)
    padded = F.pad(planes, (0, wide - W, 0, high - H))
    # align_corners=False: -1 and 1 are the outer edges of the border pixels.
    grid = torch.stack(((2 * x + 1) / wide - 1, (2 * y + 1) / high - 1), dim=-1)
    return F.grid_sample(padded, grid, padding_mode="zeros", align_corners=False)


def _side(side: int) -> int:
    """The next power of two.

    Only with such a side do whole numbers survive being scaled to [-1, 1] and back, and with them the choice of the
    cell whose slope is the gradient. An exported program takes any size and gives values alone: there it is as it was.
    """
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
        return side
    wide = 1
    # Compared rather than counted in bits: a compiled graph then serves all sizes between two powers of two.
    while wide < side:
        wide *= 2
    return wide
