"""Gradient magnitude similarity: are edges where the target has them, and as strong; its mean, and its deviation.

W. Xue, L. Zhang, X. Mou and A. C. Bovik, Gradient Magnitude Similarity Deviation, 2014. Gradients are taken only where
the operator fits; the published program takes zeros beyond the border, so its outermost ring differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.building import Setting
from refsr.metrics.colour import luma
from refsr.metrics.pair import ImageMetric, require_target

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]

STABILISER = 170.0
"""The paper's T for values up to 255: about the square of a gradient too weak to be seen."""
SMALLEST = 6
"""Two by two positions of the operator, after sides are halved."""


def similarity(image: Array, target: Array) -> Values:
    """(H, W[, C]) twice, in [0, 255] -> the map (H // 2 - 2, W // 2 - 2[, C]) in (0, 1], 1 where gradients are equal.

    Three bands are compared by their luma, other numbers band by band.
    """
    first, second = (prewitt(halved(_plane(one))) for one in (image, target))
    return np.asarray((2 * first * second + STABILISER) / (first**2 + second**2 + STABILISER))


def halved(plane: Values) -> Values:
    """(H, W, ...) -> (H // 2, W // 2, ...): means of blocks of two by two, an odd last row or column left out."""
    height, width = (side // 2 * 2 for side in plane.shape[:2])
    rows = plane[:height:2, :width] + plane[1:height:2, :width]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) / 4)


def prewitt(plane: Values) -> Values:
    """(H, W, ...) -> (H - 2, W - 2, ...): length of the gradient, each direction three differences over three."""
    rows = plane[:-2] + plane[1:-1] + plane[2:]
    columns = plane[:, :-2] + plane[:, 1:-1] + plane[:, 2:]
    across = (rows[:, 2:] - rows[:, :-2]) / 3
    down = (columns[2:] - columns[:-2]) / 3
    return np.asarray(np.sqrt(across**2 + down**2))


def gms(setting: Setting) -> ImageMetric:
    """The map's mean."""
    return lambda image, target: float(_map(setting, image, target).mean())


def gmsd(setting: Setting) -> ImageMetric:
    """The map's standard deviation; bands are averaged."""
    return lambda image, target: float(_map(setting, image, target).std(axis=(0, 1)).mean())


def _map(setting: Setting, image: Array, target: Array | None) -> Values:
    target = require_target(setting.metric, image, target)
    if min(image.shape[:2]) < SMALLEST:
        raise DataError(
            f"{setting.metric.name} needs sides of at least {SMALLEST} pixels after the border is cut, "
            f"got {image.shape[:2]}"
        )
    return similarity(image, target)


def _plane(image: Array) -> Values:
    return luma(image) if image.ndim == 3 and image.shape[2] == 3 else image.astype(np.float64)
