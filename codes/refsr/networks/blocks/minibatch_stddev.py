"""Minibatch deviation: a discriminator's look at how much the images of a batch differ."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.core.errors import OperatorError

GROUP = 4


def with_minibatch_stddev(x: Tensor, group: int = GROUP, parts: int = 1) -> Tensor:
    """(B, C, H, W) -> (B, C + parts, H, W): the mean deviation over groups of samples, one channel a part of channels.

    The batch has at most `group` samples or a multiple of it; sample i stands with i + B / group and so on.
    """
    batch, channels, height, width = x.shape
    size = min(batch, group)
    if batch % size:
        raise OperatorError(
            f"minibatch deviation: {batch} samples are neither at most {group} nor a multiple of {group}"
        )
    grouped = x.reshape(size, batch // size, parts, channels // parts, height, width)
    deviation = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))
    planes = deviation.repeat(size, 1)[:, :, None, None].expand(-1, -1, height, width)
    return torch.cat((x, planes), dim=1)
