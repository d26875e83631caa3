"""Registering Ref to LR: the transform, found on grey images of LR's sharpness to a fraction of LR's pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
"""Images in float32."""
Transform = npt.NDArray[Any]
"""(2, 3): where the point (x, y, 1) of one image lies in the other, in pixels."""

# The largest shift, as a share of the longer side, and the largest slope; a transform beyond them is a failed fit.
MAX_SHIFT = 0.1
MAX_SLOPE = 0.08
# Structure is compared after the mean over larger areas is removed.
LARGE = 6.0
FAINT = 2e-3
FILTER = 5
ITERATIONS = 100
TOLERANCE = 1e-5
SMALLEST = 16


def find_transform(fixed: Floats, moving: Floats, affine: bool) -> Transform:
    """Two grey images (H, W) of equal sharpness -> where each point of `fixed` lies in `moving`.

    Phase correlation gives the shift, maximisation of the enhanced correlation coefficient the rest: rotation, then,
    if `affine`, all six numbers. Each stage is kept only if it makes the images more alike.
    """
    import cv2

    best: Transform = np.eye(2, 3, dtype=np.float32)
    if min(fixed.shape) < SMALLEST:
        return best
    first, second = structure(fixed), structure(moving)
    best_correlation = correlation(first, second, best)
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(smooth(first, 1), smooth(second, 1), window)
    shifted = np.array([[1, 0, right], [0, 1, down]], np.float32)
    if _plausible(shifted, fixed.shape) and correlation(first, second, shifted) > best_correlation:
        best, best_correlation = shifted, correlation(first, second, shifted)
    everywhere = np.ones(first.shape, np.uint8)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, TOLERANCE)
    for motion in (cv2.MOTION_TRANSLATION, cv2.MOTION_EUCLIDEAN, *((cv2.MOTION_AFFINE,) if affine else ())):
        try:
            found = cv2.findTransformECC(first, second, best.copy(), motion, stop, everywhere, FILTER)[1]
        except cv2.error:
            # It did not converge: the images have too little in common.
            continue
        if _plausible(found, fixed.shape) and correlation(first, second, found) > best_correlation:
            best, best_correlation = found, correlation(first, second, found)
    return best


def warp(image: Floats, transform: Transform) -> tuple[Floats, Floats]:
    """(H, W, C) resampled through the transform, and (H, W) the share of each pixel that it covers, 0 to 1."""
    import cv2

    size, way = image.shape[1::-1], cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(image, transform, size, flags=cv2.INTER_CUBIC | way, borderMode=cv2.BORDER_REFLECT)
    whole = np.ones(image.shape[:2], np.float32)
    covered = cv2.warpAffine(whole, transform, size, flags=cv2.INTER_LINEAR | way, borderMode=cv2.BORDER_CONSTANT)
    return seen.reshape(image.shape), covered


def structure(image: Floats) -> Floats:
    """(H, W) less its surroundings' mean, over their standard deviation: the same in any light."""
    detail = image - smooth(image, LARGE)
    normed: Floats = detail / (np.sqrt(smooth(detail * detail, LARGE)) + np.float32(FAINT))
    return normed


def smooth(image: Floats, sigma: float) -> Floats:
    """(H, W[, C]) under a Gaussian; mirrored beyond the border; sigma 0 changes nothing."""
    import cv2

    if sigma == 0:
        return image
    blurred: Floats = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return blurred.reshape(image.shape)


def correlation(first: Floats, second: Floats, transform: Transform) -> float:
    """The correlation of two structures once the second is warped through the transform, at most 1."""
    through, covered = warp(second[:, :, None], transform)
    one, two = first * covered, through[:, :, 0] * covered
    power = float((one * one).mean() * (two * two).mean())
    return float((one * two).mean()) / power**0.5 if power > 0 else 0.0


def _plausible(transform: Transform, shape: tuple[int, ...]) -> bool:
    slope = float(np.abs(transform[:, :2] - np.eye(2)).max())
    height, width = shape[0], shape[1]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float32)
    shift = float(np.abs(corners @ transform.T - corners[:, :2]).max())
    return slope <= MAX_SLOPE and shift <= MAX_SHIFT * max(shape)
