"""Metrics that torchmetrics computes, on values from 0 to 255."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.core.errors import DataError
from refsr.metrics.base import ImageMetric, TensorMetric
from refsr.metrics.building import MetricConfig
from refsr.metrics.fidelity import PEAK, WINDOW

SCALES = 5
MS_SSIM_SMALLEST = WINDOW * (SCALES - 1) ** 2
"""Torchmetrics' limit: the window must fit at the coarsest of five scales."""
SCC_SMALLEST = 8
"""Its window's side."""


def ms_ssim(config: MetricConfig) -> ImageMetric:
    """Multi-scale SSIM with the published exponents."""
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as function

    # In float32, which is twenty times as fast and moves the seventh digit.
    return TensorMetric(
        config.metric, lambda a, b: function(a, b, data_range=PEAK).item(), MS_SSIM_SMALLEST, single=True
    )


def sam(config: MetricConfig) -> ImageMetric:
    """The spectral angle in degrees, mean over the pixels that have a direction in both images."""
    from torchmetrics.functional.image import spectral_angle_mapper

    def score(image: Tensor, target: Tensor) -> float:
        angles = spectral_angle_mapper(image, target, reduction="none")
        # The angle of a black pixel is 0 / 0; one would make the mean NaN.
        angles = angles[angles.isfinite()]
        if angles.numel() == 0:
            raise DataError("sam: every pixel is black in the image or its target, so there is no angle")
        return torch.rad2deg(angles.mean()).item()

    return TensorMetric(config.metric, score)


def ergas(config: MetricConfig) -> ImageMetric:
    """Relative error over all bands, with the scale as ratio."""
    from torchmetrics.functional.image import error_relative_global_dimensionless_synthesis as function

    def score(image: Tensor, target: Tensor) -> float:
        black = (target.mean(dim=(0, 2, 3)) == 0).nonzero().flatten().tolist()
        if black:
            raise DataError(f"ergas divides by each band's mean, and band {black[0] + 1} of the target is all zero")
        return float(function(image, target, ratio=config.scale))

    return TensorMetric(config.metric, score)


def scc(config: MetricConfig) -> ImageMetric:
    """The spatial correlation coefficient."""
    from torchmetrics.functional.image import spatial_correlation_coefficient as function

    return TensorMetric(config.metric, lambda a, b: function(a, b).item(), SCC_SMALLEST)
