"""GMS and GMSD: mean and standard deviation of the similarity of gradient magnitudes.

W. Xue, L. Zhang, X. Mou and A. C. Bovik, Gradient Magnitude Similarity Deviation, 2014. Gradients are taken only where
the operator fits; the published program pads with zeros, so its outermost ring differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.base import ImageMetric, require_target
from refsr.metrics.building import MetricConfig
from refsr.metrics.colour import luma

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]

STABILISER = 170.0
"""The paper's constant T for values up to 255."""
SMALLEST = 6
"""Leaves 2x2 positions of the operator after halving."""


def gms_map(image: Array, target: Array) -> Values:
    """(H, W[, C]) twice, in [0, 255] -> the map (H // 2 - 2, W // 2 - 2[, C]) in (0, 1], 1 where gradients are equal.

    Three bands are compared by their luma, other images band by band.
    """
    first, second = (prewitt(halved(_plane(one))) for one in (image, target))
    return np.asarray((2 * first * second + STABILISER) / (first**2 + second**2 + STABILISER))


def halved(plane: Values) -> Values:
    """(H, W, ...) -> (H // 2, W // 2, ...): 2x2 means, an odd last row or column left out."""
    height, width = (side // 2 * 2 for side in plane.shape[:2])
    rows = plane[:height:2, :width] + plane[1:height:2, :width]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) / 4)


def prewitt(plane: Values) -> Values:
    """(H, W, ...) -> (H - 2, W - 2, ...): gradient magnitude by the Prewitt operator."""
    rows = plane[:-2] + plane[1:-1] + plane[2:]
    columns = plane[:, :-2] + plane[:, 1:-1] + plane[:, 2:]
    across = (rows[:, 2:] - rows[:, :-2]) / 3
    down = (columns[2:] - columns[:-2]) / 3
    return np.asarray(np.sqrt(across**2 + down**2))


def gms(config: MetricConfig) -> ImageMetric:
    """The map's mean."""
    return lambda image, target: float(_map(config, image, target).mean())


def gmsd(config: MetricConfig) -> ImageMetric:
    """The map's standard deviation; bands are averaged."""
    return lambda image, target: float(_map(config, image, target).std(axis=(0, 1)).mean())


def _map(config: MetricConfig, image: Array, target: Array | None) -> Values:
    target = require_target(config.metric, image, target)
    if min(image.shape[:2]) < SMALLEST:
        raise DataError(
            f"{config.metric.name} needs sides of at least {SMALLEST} pixels after the border is cut, "
            f"got {image.shape[:2]}"
        )
    return gms_map(image, target)


def _plane(image: Array) -> Values:
    return luma(image) if image.ndim == 3 and image.shape[2] == 3 else image.astype(np.float64)
