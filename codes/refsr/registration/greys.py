"""Grey images of LR's sharpness: what LR and Ref are matched on, and how their pixels map to HR's and Ref's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.ops.resize import imresize
from refsr.registration.transforms import Floats, Transform, after, inverse, pixels, slopes

Image = npt.NDArray[Any]
FINER = 2
"""Matching pixels along the side of one of LR's: twice as fine, so that interpolating between them loses little."""

CONTRAST = 0.2
FLAT = 1e-5
"""Standard deviations below this, relative to the mean or to 1, are rounding."""


@dataclass(frozen=True)
class Greys:
    """LR and Ref in grey at one sharpness, on pixels half as large as LR's."""

    lr: Floats
    """(2h, 2w), of mean 0 and one contrast."""
    lr_valid: Floats
    """(2h, 2w): 1 where LR holds data."""
    ref: Floats
    ref_valid: Floats
    hr: Transform
    """From a matching pixel of LR to HR's pixels."""
    to_ref: Transform
    """From a matching pixel of Ref to Ref's own pixels."""
    start: Transform
    """From a matching pixel of LR to one of Ref, as first assumed."""
    flat: tuple[str, ...]
    """Which of both show nothing but one grey."""

    def outer(self, inner: Transform) -> Transform:
        """LR's matching pixels to Ref's -> HR's pixels to Ref's own."""
        return after(self.to_ref, after(inner, inverse(self.hr)))

    def inner(self, outer: Transform) -> Transform:
        """HR's pixels to Ref's own -> LR's matching pixels to Ref's."""
        return after(inverse(self.to_ref), after(outer, self.hr))


def grey(image: Image) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(h, w[, C]) -> the mean over the bands (h, w), in float32, and where all do."""
    bands = image[:, :, None] if image.ndim == 2 else image
    # Band by band: NumPy's mean over a short last axis takes fifty times as long.
    mean = bands[:, :, 0].astype(np.float64)
    for band in range(1, bands.shape[2]):
        mean += bands[:, :, band]
    valid: npt.NDArray[np.bool_] = np.isfinite(mean)
    mean /= bands.shape[2]
    if not valid.all():
        mean = np.where(valid, mean, mean[valid].mean() if valid.any() else 0.0)
    return mean.astype(np.float32), valid


def normed(image: Floats, valid: npt.NDArray[np.bool_]) -> tuple[Floats, bool]:
    """The image with a mean of 0 and a standard deviation of `CONTRAST`, and whether it shows nothing but one grey."""
    known = image[valid].astype(np.float64)
    if not known.size:
        return np.zeros_like(image), True
    mean, deviation = float(known.mean()), float(known.std())
    if not deviation > FLAT * max(1.0, abs(mean)):
        return np.zeros_like(image), True
    return ((image - np.float32(mean)) * np.float32(CONTRAST / deviation)).astype(np.float32), False


def prepare(lr: Image, ref: Image, scale: float, start: Transform) -> Greys:
    """LR (h, w[, C]), Ref (H', W'[, C]) and where HR's pixels are assumed to lie in Ref -> both made alike."""
    own, own_valid = grey(lr)
    other, other_valid = grey(ref)
    (own, flat), (other, other_flat) = normed(own, own_valid), normed(other, other_valid)
    height, width = own.shape
    across, down = slopes(start)
    sizes = []
    for length, ratio in zip(other.shape, (down, across), strict=True):
        sizes.append(max(2, round(length / (scale * ratio))))
    coarse = imresize(other, size=(sizes[0], sizes[1]))
    made = imresize(coarse, FINER)
    to_ref = pixels(other.shape[1] / made.shape[1], other.shape[0] / made.shape[0])
    hr = pixels(scale / FINER, scale / FINER)
    return Greys(
        lr=imresize(own, FINER),
        lr_valid=_mask(own_valid, (FINER * height, FINER * width)),
        ref=made,
        ref_valid=_mask(other_valid, made.shape) if other_flat else _mask(other_valid, made.shape) * _varied(made),
        hr=hr,
        to_ref=to_ref,
        start=after(inverse(to_ref), after(start, hr)),
        flat=("LR",) * flat + ("Ref",) * other_flat,
    )


def _varied(image: Floats) -> Floats:
    """0 in areas of one single value, which fill what is missing in many files; else 1."""
    import cv2

    square = np.ones((FILLED, FILLED), np.uint8)
    filled = (cv2.dilate(image, square) - cv2.erode(image, square) < ONE_VALUE).astype(np.uint8)
    return (1 - cv2.dilate(filled, square)).astype(np.float32)


FILLED = 15
ONE_VALUE = 1e-5
"""Of the contrast: differences below it are rounding."""


def _mask(valid: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> Floats:
    if valid.all():
        return np.ones(shape, np.float32)
    import cv2

    share = cv2.resize(valid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    known = (share > 0.99).astype(np.float32)
    # What stands for missing data must not leave an edge beside it.
    return cv2.erode(known, np.ones((5, 5), np.uint8))
