"""A registered Ref in LR's colours: local mean and contrast at LR's sharpness brought to LR's, band by band."""

from __future__ import annotations

import numpy as np

from refsr.core.errors import DataError
from refsr.ops.resize import imresize
from refsr.registration.gradients import smooth
from refsr.registration.transforms import Floats

AROUND = 5.0
"""Standard deviation in LR pixels of the surroundings that mean and contrast are taken over."""
FAINT = np.float32(0.004)
"""Standard deviations in [0, 1] below it are noise."""
GAINS = (0.25, 2.0)
"""Least and largest change of contrast."""


def in_lr_colours(image: Floats, lr: Floats) -> Floats:
    """Ref on HR's pixels (H, W, C) and LR (h, w, C), both in [0, 1] -> Ref with LR's local mean and contrast."""
    if image.ndim != 3 or lr.ndim != 3 or image.shape[2] != lr.shape[2]:
        raise DataError(f"colours of {image.shape} cannot be brought to those of {lr.shape}: equal bands are needed")
    size = image.shape[:2]
    low = imresize(np.asarray(image, np.float32), size=lr.shape[:2])
    bands = []
    for band in range(image.shape[2]):
        own, other = np.ascontiguousarray(lr[:, :, band], np.float32), np.ascontiguousarray(low[:, :, band])
        mean, other_mean = smooth(own, AROUND), smooth(other, AROUND)
        spread, other_spread = (
            np.sqrt(np.maximum(smooth(plane * plane, AROUND) - centre * centre, 0))
            for plane, centre in ((own, mean), (other, other_mean))
        )
        gain = np.clip((spread + FAINT) / (other_spread + FAINT), *GAINS)
        offset = mean - gain * other_mean
        bands.append(image[:, :, band] * _enlarged(gain, size) + _enlarged(offset, size))
    return np.asarray(np.clip(np.stack(bands, axis=2), 0, 1), np.float32)


def _enlarged(plane: Floats, size: tuple[int, ...]) -> Floats:
    import cv2

    large: Floats = cv2.resize(plane, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return large
