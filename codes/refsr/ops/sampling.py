"""Bilinear sampling at any position, zeros outside, for the references of both deformable convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.ops.library import is_in_onnx_export


def bilinear(planes: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N, C, H, W) of `widened` planes at positions in pixels (N, R, S) -> (N, C, R, S).

    The gradient of a position is that of the cell to its right and below, at integer positions too.
    """
    high, wide = planes.shape[2:]
    # align_corners=False: -1 and 1 are the outer edges of the border pixels.
    grid = torch.stack(((2 * x + 1) / wide - 1, (2 * y + 1) / high - 1), dim=-1)
    return F.grid_sample(planes, grid, padding_mode="zeros", align_corners=False)


def widened(planes: Tensor) -> Tensor:
    """(N, C, H, W) -> with zeros below and to the right, so that `bilinear` takes it."""
    H, W = planes.shape[2:]
    return F.pad(planes, (0, _side(W) - W, 0, _side(H) - H))


def _side(side: int) -> int:
    """The next power of two.

    Only with such a side are integers exact after scaling to [-1, 1] and back, on which the choice of the gradient's
    cell depends. An exported program computes no gradients and takes any size: there the side is kept.
    """
    if torch.compiler.is_exporting() or is_in_onnx_export():
        return side
    wide = 1
    # Compared, not counted in bits: a compiled graph then covers all sizes between two powers of two.
    while wide < side:
        wide *= 2
    return wide
