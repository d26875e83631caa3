"""Local means, contrast and correlation of an image and a reference, on LR's grid."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.networks.blocks.receptive_field import ReceptiveField

SIDE, TIMES = 5, 2
"""Pixels of LR along a box to average over, and how often: a window of radius 4 that falls off from its centre."""
NOISE = (1 / 255) ** 2
"""Variance below which the ground counts as flat: one grey level of 8 bits."""
MOST_GAIN = 4.0
"""The contrast of a reference is raised or lowered by no more than this."""


class Statistics(NamedTuple):
    """Local statistics of an image and a reference on LR's grid."""

    mean: Tensor
    """(B, C, h, w), of the image."""
    reference_mean: Tensor
    gain: Tensor
    """(B, C, h, w): the image's contrast over the reference's."""
    correlation: Tensor
    """(B, 1, h, w), -1 to 1, of all bands together; near 0 where either is flat."""


def local_statistics(image: Tensor, reference: Tensor) -> Statistics:
    """Of an image and a reference (B, C, h, w) on LR's grid."""
    mean, reference_mean = local_mean(image), local_mean(reference)
    variance = (local_mean(image**2) - mean**2).clamp(min=0) + NOISE
    reference_variance = (local_mean(reference**2) - reference_mean**2).clamp(min=0) + NOISE
    covariance = local_mean(image * reference) - mean * reference_mean
    gain = (variance / reference_variance).sqrt().clamp(1 / MOST_GAIN, MOST_GAIN)
    power = variance.mean(1, keepdim=True) * reference_variance.mean(1, keepdim=True)
    return Statistics(mean, reference_mean, gain, covariance.mean(1, keepdim=True) * power.rsqrt())


def detail_correlation(detail: Tensor, reference_detail: Tensor, scale: int) -> Tensor:
    """Detail of an image and of a reference, zero on average (B, C, s*h, s*w) -> (B, 1, h, w), as above."""
    pairs = ((detail, reference_detail), (detail, detail), (reference_detail, reference_detail))
    covariance, variance, reference_variance = (
        local_mean(area_mean(one * other, scale).mean(1, keepdim=True)) for one, other in pairs
    )
    return covariance * ((variance + NOISE) * (reference_variance + NOISE)).rsqrt()


def local_mean(image: Tensor) -> Tensor:
    """(B, C, h, w) -> the same size: means over a window, at borders over what of it lies inside."""
    for _ in range(TIMES):
        image = F.avg_pool2d(image, SIDE, 1, SIDE // 2, count_include_pad=False)
    return image


def area_mean(image: Tensor, scale: int) -> Tensor:
    """(B, C, s*h, s*w) -> (B, C, h, w) on LR's grid, in float32 at least: variances are small differences."""
    return F.avg_pool2d(image.to(torch.promote_types(image.dtype, torch.float32)), scale)


def window(output: ReceptiveField) -> ReceptiveField:
    """The pixels on LR's grid that a local mean depends on."""
    return output.conv(SIDE, times=TIMES)
