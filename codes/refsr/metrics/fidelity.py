"""PSNR and SSIM in float64, on values from 0 to 255."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.base import ImageMetric, require_target
from refsr.metrics.building import MetricConfig

Array = npt.NDArray[Any]

WINDOW = 11
SIGMA = 1.5
PEAK = 255.0
# Stabilizing constants of SSIM: (0.01 * 255)^2 and (0.03 * 255)^2.
C1, C2 = 6.5025, 58.5225


def psnr(image: Array, target: Array) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and bands of (H, W[, C]); infinite when equal."""
    _same_shape(image, target)
    error = float(np.mean((image.astype(np.float64) - target.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 20 * math.log10(PEAK / math.sqrt(error))


def ssim(image: Array, target: Array) -> float:
    """Structural similarity of (H, W[, C]): 11x11 Gaussian of sigma 1.5, valid positions only, mean over bands."""
    return float(ssim_map(image, target).mean())


def ssim_map(image: Array, target: Array) -> npt.NDArray[np.float64]:
    """The SSIM map at valid positions: (H, W[, C]) -> (H-10, W-10[, C])."""
    _same_shape(image, target)
    if min(image.shape[:2]) < WINDOW:
        raise DataError(f"SSIM needs sides of at least {WINDOW} pixels after the border is cut, got {image.shape[:2]}")
    x, y = image.astype(np.float64), target.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x * mean_x
    variance_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    values: npt.NDArray[np.float64] = ((2 * mean_x * mean_y + C1) * (2 * covariance + C2)) / (
        (mean_x * mean_x + mean_y * mean_y + C1) * (variance_x + variance_y + C2)
    )
    return values


@lru_cache(maxsize=1)
def _taps() -> npt.NDArray[np.float64]:
    distance = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(distance**2) / (2 * SIGMA**2))
    return np.asarray(weights / weights.sum())


def _blur(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The Gaussian window at valid positions: (H, W, ...) -> (H-10, W-10, ...)."""
    taps = _taps()
    height, width = values.shape[0] - WINDOW + 1, values.shape[1] - WINDOW + 1
    rows = sum(taps[k] * values[k : k + height] for k in range(WINDOW))
    return np.asarray(sum(taps[k] * rows[:, k : k + width] for k in range(WINDOW)))


def _same_shape(image: Array, target: Array) -> None:
    if image.shape != target.shape:
        raise DataError(f"the image has shape {image.shape}, its target {target.shape}")


def psnr_metric(config: MetricConfig) -> ImageMetric:
    return lambda image, target: psnr(image, require_target(config.metric, image, target))


def ssim_metric(config: MetricConfig) -> ImageMetric:
    def score(image: Array, target: Array | None) -> float:
        return ssim(image, require_target(config.metric, image, target))

    return score
