"""Filters along both axes that stand between two sizes of an image: zeros inserted, padded, filtered, thinned out."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

TAPS = (1.0, 3.0, 3.0, 1.0)
"""StyleGAN2's filter along one axis."""


def resampled(
    x: Tensor, taps: Sequence[float], up: int = 1, down: int = 1, before: int = 0, after: int = 0, gain: float = 1.0
) -> Tensor:
    """(B, C, H, W) -> (B, C, (up * H + before + after - taps + 1) / down rounded up, ...).

    `up` inserts zeros behind each pixel, a negative padding crops, the filter is turned (a convolution, no
    correlation), and every `down`-th place is kept. `taps` sum to one whatever they are, times `gain`.
    """
    total = sum(taps)
    values = [gain**0.5 * tap / total for tap in reversed(taps)]
    channels = x.shape[1]
    for axis in (2, 3):
        if up > 1:
            x = _spread(x, axis, up)
        padding = (0, 0, before, after) if axis == 2 else (before, after, 0, 0)
        side = (1, 1, len(taps), 1) if axis == 2 else (1, 1, 1, len(taps))
        kernel = x.new_tensor(values).reshape(side).expand(channels, -1, -1, -1)
        stride = (down, 1) if axis == 2 else (1, down)
        x = F.conv2d(F.pad(x, padding), kernel, stride=stride, groups=channels)
    return x


def doubled(x: Tensor, taps: Sequence[float] = TAPS) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W)."""
    reach = len(taps) - 2
    return resampled(x, taps, up=2, before=(reach + 1) // 2 + 1, after=reach // 2, gain=4)


def halved(x: Tensor, taps: Sequence[float] = TAPS) -> Tensor:
    """(B, C, H, W) -> (B, C, H/2, W/2)."""
    reach = len(taps) - 2
    return resampled(x, taps, down=2, before=(reach + 1) // 2, after=reach // 2)


def _spread(x: Tensor, axis: int, up: int) -> Tensor:
    """Zeros behind each pixel of an axis, counted from the batch."""
    shape = list(x.shape)
    shape[axis] *= up
    apart = x.unsqueeze(axis + 1)
    return F.pad(apart, [0, 0] * (x.dim() - axis - 1) + [0, up - 1]).reshape(shape)
