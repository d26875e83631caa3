"""Where what a reference brought contradicts LR, nothing of it is taken."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from refsr.inference.passes import Passes
from refsr.ops.resize import imresize_tensor

WINDOW = 5
"""Pixels of LR along the side of the square over which differences from LR are averaged, and then their squares."""
OPEN, SHUT = 0.1, 0.5
"""By how much the mean square difference may grow with a reference, relative to the one without, before less of it is
taken, and from where on nothing."""
GUARD_REACH = 2 + 2 * (WINDOW // 2) + 1
"""Pixels of LR that a pixel's share depends on: reduction, both means and interpolation."""


def guarded_share(passes: Passes, lr: Tensor, response: str, floor: float) -> Tensor:
    """Two images (B, C, s*h, s*w) of LR (B, C, h, w) -> (B, 1, s*h, s*w): the share of the reference's detail to keep.

    Both images are reduced by the sensor's response. Where the one with the reference is farther from LR than the one
    without, its detail is not of this ground. LR's noise and compression are no contradiction: a right reference takes
    them away. So differences are averaged before they are squared, and those below `floor`, in [0, 1], tell nothing.
    """
    size = (lr.shape[-2], lr.shape[-1])
    with_ref, alone = (_misfit(imresize_tensor(image, size=size, kernel=response), lr) for image in passes)
    growth = (with_ref - alone) / (alone + floor**2)
    share = ((SHUT - growth) / (SHUT - OPEN)).clamp(0, 1)
    large: Tensor = F.interpolate(share, size=passes.image.shape[-2:], mode="bilinear", align_corners=False)
    return large


def _misfit(reduced: Tensor, lr: Tensor) -> Tensor:
    """(B, 1, h, w): the mean square over bands and a window of differences averaged over a window."""
    return _mean(_mean(reduced - lr).square().mean(1, keepdim=True))


def _mean(plane: Tensor) -> Tensor:
    return F.avg_pool2d(plane, WINDOW, 1, WINDOW // 2, count_include_pad=False)
