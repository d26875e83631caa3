"""The two resizers by which Ref-Diff upsamples LR: bilinear in training, nearest at inference."""

from __future__ import annotations

import numpy as np

from refsr.data.images import Array


def bilinear_truncated(image: Array, height: int, width: int) -> Array:
    """(H, W, C) uint8 -> (height, width, C) uint8: half-pixel centres, fractions cut off, as in training."""
    import cv2

    upsampled = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    truncated: Array = upsampled.reshape(height, width, image.shape[2]).astype(np.uint8)
    return truncated


def nearest(image: Array, height: int, width: int) -> Array:
    """(H, W, C) -> (height, width, C): source index floor(i * in / out), as at inference and inside the network."""
    rows = np.arange(height) * image.shape[0] // height
    columns = np.arange(width) * image.shape[1] // width
    upsampled: Array = image[rows[:, None], columns]
    return upsampled
