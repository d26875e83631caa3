"""In how many ways LR and Ref differ at a pixel: colours, light, edges and local structure, at several sizes.

Where Ref does not reach after registration, nothing is gathered: means are of the pixels that it covers.
"""

from __future__ import annotations

import numpy as np

from refsr.data.change.radiometry import residual
from refsr.registration.gradients import smooth
from refsr.registration.transforms import Floats

SIZES = (0, 1, 2, 4)
"""Standard deviations of the Gaussians over which evidence is averaged, in LR pixels."""
NEIGHBOURS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
# Amounts below these are noise; logarithms end there.
FAINT = np.float32(1e-3)
FAINT_STD = np.float32(3e-3)
FAINT_VARIANCE = np.float32(1e-4)


def evidence(lr: Floats, ref: Floats, covered: Floats) -> dict[str, Floats]:
    """(h, w, C) LR, Ref on its grid, and (h, w) where Ref reaches, 0 or 1 -> planes (h, w) by name."""
    rest, fitted = residual(lr, ref, covered)
    colour = rest - rest.mean(axis=2, keepdims=True)
    amount = (rest * rest).mean(axis=2)
    usual = np.float32(1.4826 * np.median(np.sqrt(amount))) + FAINT
    own, other = lr.mean(axis=2), fitted.mean(axis=2)
    gradients, other_gradients = _gradients(own), _gradients(other)
    steepness = np.sqrt(sum(part * part for part in (*gradients, *other_gradients)))
    # Beside edges, a residual says little: half a pixel of misregistration makes it.
    relative = np.sqrt(amount) / (usual + steepness)
    nearest = _nearest(lr, fitted)
    tint = _tint(lr) - _tint(fitted)
    planes = {}
    for size in SIZES:
        mean_of = LocalMean(covered, size)
        planes[f"amount {size}"] = _log(np.sqrt(mean_of(amount)))
        planes[f"mean {size}"] = _log(_length(mean_of(rest)))
        planes[f"colour {size}"] = _log(_length(mean_of(colour)))
        planes[f"relative {size}"] = _log(mean_of(relative), np.float32(1e-2))
        planes[f"nearest {size}"] = _log(mean_of(nearest))
        planes[f"tint {size}"] = _log(_length(mean_of(tint)))
        if size == 0:
            continue
        correlation, std, other_std = _local_correlation(own, other, mean_of)
        planes[f"correlation {size}"] = correlation
        power = mean_of(_product(gradients, gradients)) * mean_of(_product(other_gradients, other_gradients))
        planes[f"edges {size}"] = mean_of(_product(gradients, other_gradients)) / (np.sqrt(power) + np.float32(1e-5))
        contrast = _log(std, FAINT_STD) - _log(other_std, FAINT_STD)
        planes[f"contrast {size}"] = np.abs(contrast)
        planes[f"texture {size}"] = _log(np.hypot(std, other_std), FAINT_STD)
    planes["usual"] = np.full_like(own, np.log(usual))
    return planes


class LocalMean:
    """The Gaussian mean of what is covered, around each pixel."""

    def __init__(self, covered: Floats, size: float) -> None:
        self._covered, self._size = covered, size
        self._weight = np.maximum(smooth(covered, size), np.float32(1e-3)) if size else covered

    def __call__(self, plane: Floats) -> Floats:
        """(h, w[, C]) in the same shape."""
        if self._size == 0:
            return plane
        covered, weight = (part if plane.ndim == 2 else part[:, :, None] for part in (self._covered, self._weight))
        mean: Floats = smooth(plane * covered, self._size) / weight
        return mean


def _product(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """The scalar product of two fields of gradients."""
    product: Floats = first[0] * second[0] + first[1] * second[1]
    return product


def _gradients(image: Floats) -> tuple[Floats, Floats]:
    import cv2

    return tuple(  # type: ignore[return-value]
        cv2.Sobel(image, cv2.CV_32F, *order, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
        for order in ((1, 0), (0, 1))
    )


def _local_correlation(first: Floats, second: Floats, mean_of: LocalMean) -> tuple[Floats, Floats, Floats]:
    """Local normalised cross-correlation, and both local standard deviations."""
    mean, other_mean = mean_of(first), mean_of(second)
    variance = np.maximum(mean_of(first * first) - mean * mean, 0)
    other_variance = np.maximum(mean_of(second * second) - other_mean * other_mean, 0)
    together = mean_of(first * second) - mean * other_mean
    correlation: Floats = together / np.sqrt((variance + FAINT_VARIANCE) * (other_variance + FAINT_VARIANCE))
    return correlation, np.sqrt(variance), np.sqrt(other_variance)


def _nearest(lr: Floats, fitted: Floats) -> Floats:
    """The least difference to any of the nine pixels around: small where all that differs is the place."""
    height, width = lr.shape[:2]
    around = np.pad(fitted, ((1, 1), (1, 1), (0, 0)), mode="edge")
    differences = [
        _length(lr - around[1 + down : 1 + down + height, 1 + right : 1 + right + width]) for down, right in NEIGHBOURS
    ]
    least: Floats = np.min(differences, axis=0)
    return least


def _tint(image: Floats) -> Floats:
    """A pixel's colour without its brightness, which shadows leave nearly as it is."""
    share: Floats = image / (image.sum(axis=2, keepdims=True) + np.float32(0.05))
    relative: Floats = share - np.median(share, axis=(0, 1))
    return relative


def _length(vectors: Floats) -> Floats:
    length: Floats = np.sqrt((vectors * vectors).mean(axis=2))
    return length


def _log(amount: Floats, faint: np.float32 = FAINT) -> Floats:
    logarithm: Floats = np.log(np.maximum(amount, 0) + faint)
    return logarithm
