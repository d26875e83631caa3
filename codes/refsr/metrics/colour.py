"""Luma, and matching an image's mean and standard deviation to its target's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError

Array = npt.NDArray[Any]


def luma(levels: Array) -> npt.NDArray[np.float64]:
    """(H, W, 3) RGB in [0, 255] -> (H, W), the Y of MATLAB's rgb2ycbcr in [16, 235], not rounded."""
    if levels.ndim != 3 or levels.shape[2] != 3:
        raise DataError(f"luma needs three bands, the image has shape {levels.shape}")
    weights = np.array([65.481, 128.553, 24.966]) / 255
    return np.asarray(levels.astype(np.float64) @ weights + 16)


def match_statistics(image: Array, target: Array) -> npt.NDArray[np.float64]:
    """The image with each band shifted and scaled to the target's mean and standard deviation.

    It hides every colour shift, so its numbers cannot be compared with any other protocol's.
    """
    axes = (0, 1)
    x, y = image.astype(np.float64), target.astype(np.float64)
    std = x.std(axis=axes)
    gain = y.std(axis=axes) / np.where(std > 0, std, 1)
    return np.asarray((x - x.mean(axis=axes)) * gain + y.mean(axis=axes))
