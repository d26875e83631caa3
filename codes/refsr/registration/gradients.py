"""What is compared: gradients by strength and orientation, the same in any light and whichever side is the brighter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refsr.registration.transforms import Floats, Transform

FAINT = np.float32(1e-4)
"""Gradients below it, in [0, 1] a pixel, are noise."""
LOCAL = 12.0
"""Standard deviation of the surroundings whose mean gradient counts as 1."""
FLAT = np.float32(0.3)
"""Strength at which a pixel counts half."""
DOUBLE = np.float32(0.7)
"""How much orientation counts beside strength."""
SHARP = 3.0
"""The same for gradients with their signs."""
Features = Callable[[Floats, float], Floats]
"""A grey image (H, W) and the standard deviation of its smoothing -> features (H, W, C)."""


def smooth(image: Floats, sigma: float) -> Floats:
    """(H, W[, C]) under a Gaussian, mirrored beyond the border."""
    import cv2

    blurred: Floats = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return blurred


def dot(one: Floats, other: Floats) -> Floats:
    """(H, W, C) twice -> (H, W). NumPy's sums over a short last axis take 25 times as long, einsum three times."""
    found: Floats = one[:, :, 0] * other[:, :, 0]
    for band in range(1, one.shape[2]):
        found += one[:, :, band] * other[:, :, band]
    return found


def gradients(image: Floats) -> tuple[Floats, Floats]:
    """(H, W) -> differences a pixel to the right and down."""
    import cv2

    return tuple(  # type: ignore[return-value]
        cv2.Sobel(image, cv2.CV_32F, *order, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
        for order in ((1, 0), (0, 1))
    )


def oriented(image: Floats, valid: Floats, before: float = 0.8, behind: float = 1.2) -> Floats:
    """(H, W) -> (H, W, 3): strength, and the orientation's cosine and sine at twice its angle, over the local mean.

    `before` and `behind` are standard deviations of smoothing. 0 where `valid` is.
    """
    right, down = gradients(smooth(image, before) if before else image)
    squares = right * right + down * down
    local = np.sqrt(smooth(squares, LOCAL)) + FAINT
    strength = np.sqrt(squares)
    steep = np.maximum(strength, FAINT) * local
    planes = np.empty((*image.shape, 3), np.float32)
    planes[:, :, 0] = strength / local
    planes[:, :, 1] = (right * right - down * down) * DOUBLE / steep
    planes[:, :, 2] = 2 * right * down * DOUBLE / steep
    planes = smooth(planes, behind)
    planes /= (np.sqrt(dot(planes, planes)) + FLAT)[:, :, None]
    weight = valid.sum()
    if weight > 0:
        planes -= (planes * valid[:, :, None]).sum((0, 1)) / weight
    return planes * valid[:, :, None]


def signed(image: Floats, blur: float) -> Floats:
    """(H, W) -> (H, W, 2): the gradient, smoothed before, over the local mean of its length."""
    right, down = gradients(smooth(image, blur))
    local = np.sqrt(smooth(right * right + down * down, SHARP)) + np.float32(1e-3)
    return np.stack([right / local, down / local], axis=2)


def gradients_alike(own: Floats, seen: Floats, both: Floats, around: float) -> Floats:
    """(H, W, C) twice -> their correlation around each pixel, (H, W), where `both` is 1."""
    together = smooth(dot(own, seen) * both, around)
    power = [smooth(dot(one, one) * both, around) for one in (own, seen)]
    found: Floats = together / (np.sqrt(power[0] * power[1]) + np.float32(0.05))
    return found


def through(image: Floats, transform: Transform, shape: tuple[int, ...], cubic: bool = False) -> Floats:
    """(H, W[, C]) as seen through the transform on an image of `shape`; 0 outside."""
    import cv2

    way = (cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    seen: Floats = cv2.warpAffine(image, transform.astype(np.float64), shape[1::-1], flags=way)
    return seen


SMALLEST_SHARE = 0.15
"""Less of LR than this under Ref is too little to compare."""


def correlation(own: Floats, seen: Floats, both: Floats) -> float:
    """Normalised cross-correlation of (H, W, C) where `both` (H, W) is 1."""
    weight = both[:, :, None]
    power = float((own * own * weight).sum()) * float((seen * seen * weight).sum())
    return float((own * seen * weight).sum()) / power**0.5 if power > 1e-12 else 0.0
