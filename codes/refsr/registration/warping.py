"""An image seen on another grid through coordinates: one interpolation, after a low-pass where the image is finer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.registration.transforms import Floats

Image = npt.NDArray[Any]
Coordinates = Callable[[Window], tuple[Floats, Floats]]
"""The pixels (x, y) of the image that belong to those of a window, each (height, width)."""

PLANES = 4
"""Bands that OpenCV interpolates at once."""
BLOCK = 1 << 21
"""Pixels that are interpolated at once; coordinates take more memory than the image."""
REACH = 5
"""Pixels that the interpolation and its borders see on either side."""
FINE = 1.1
"""Pixels of the image along one of the grid's, from which on it is smoothed first."""
FAR = 1e6
STEPS = 32


def sampled(
    image: Image, coordinates: Coordinates, window: Window, ratio: float, mirrored: bool = True
) -> tuple[Image, Floats]:
    """(H', W', C) -> its values under a window (height, width, C) in its own type, and the share covered, 0 to 1.

    Lanczos interpolation of 8 by 8 pixels; `ratio` is the number of the image's pixels along one of the grid's.
    Outside, the image is mirrored, or 0. Pixels that are not finite cover nothing.
    """
    rows = max(1, BLOCK // max(1, window.width))
    parts = [
        _part(image, coordinates, Window(top, window.left, min(rows, window.bottom - top), window.width), ratio)
        for top in range(window.top, window.bottom, rows)
    ]
    found, covered = (np.concatenate(members) for members in zip(*parts, strict=True))
    if not mirrored:
        found *= (covered > 0)[:, :, None]
    if np.issubdtype(image.dtype, np.integer):
        limits = np.iinfo(image.dtype)
        found = np.clip(np.rint(found), limits.min, limits.max)
    return found.astype(image.dtype), covered


def _part(image: Image, coordinates: Coordinates, window: Window, ratio: float) -> tuple[Floats, Floats]:
    import cv2

    x, y = coordinates(window)
    sigma = 0.5 * np.sqrt(ratio * ratio - 1) if ratio > FINE else 0.0
    reach = REACH + int(np.ceil(4 * sigma))
    height, width = image.shape[:2]
    # Only what is looked at is taken: OpenCV's coordinates end at 32,767.
    low = [int(np.clip(np.floor(line.min()), -FAR, FAR)) - reach for line in (y, x)]
    high = [int(np.clip(np.ceil(line.max()), -FAR, FAR)) + reach + 1 for line in (y, x)]
    seen = Window(low[0], low[1], high[0] - low[0], high[1] - low[1]).common(Window(0, 0, height, width))
    if seen.empty:
        seen = Window(0, 0, min(height, 1), min(width, 1))
    pixels = np.asarray(image[seen.top : seen.bottom, seen.left : seen.right], np.float32)
    known: npt.NDArray[np.bool_] = np.isfinite(pixels[:, :, 0])
    for band in range(1, pixels.shape[2]):
        known &= np.isfinite(pixels[:, :, band])
    if not known.all():
        means = pixels[known].mean(axis=0) if known.any() else np.zeros(pixels.shape[2], np.float32)
        pixels = np.where(known[:, :, None], pixels, means)
    if sigma:
        pixels = _smoothed(pixels, sigma)
    x, y = (_stepped(line, first) for line, first in ((x, seen.left), (y, seen.top)))
    bands = []
    for first in range(0, pixels.shape[2], PLANES):
        planes = np.ascontiguousarray(pixels[:, :, first : first + PLANES])
        seen_planes = cv2.remap(planes, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
        bands.append(seen_planes.reshape(*x.shape, -1))
    covered = cv2.remap(np.asarray(known, np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.concatenate(bands, axis=2), covered


def _stepped(line: Floats, first: int) -> npt.NDArray[np.float32]:
    """Coordinates from a first pixel on, in OpenCV's steps: rounded before, so that all windows round alike."""
    return np.asarray(np.clip(np.rint(line * STEPS) / STEPS - first, -(1 << 14), 1 << 15), np.float32)


def _smoothed(pixels: Floats, sigma: float) -> Floats:
    import cv2

    planes = [
        cv2.GaussianBlur(np.ascontiguousarray(pixels[:, :, band]), (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        for band in range(pixels.shape[2])
    ]
    return np.stack(planes, axis=2)
