"""A reference that lies on LR already, or cannot be compared with it, stays as it is: warping would only cost."""

from __future__ import annotations

import numpy as np

from refsr.core.window import Window
from refsr.registration import Registration
from refsr.registration.transforms import Floats

USUAL, LARGE = 0.25, 0.75
"""LR pixels, median and 90th percentile: what is found on worlds without any offset, with other sun and shadows."""
STEP = 4
"""Every so many pixels are looked at."""


def on_lr(displacement: Floats, scale: int) -> bool:
    """Whether a displacement (..., 2) in HR pixels is no larger than what registering a Ref that lies on LR gives.

    Then Ref stays as it is: warping by what may be an error costs more than the offset.
    """
    length = np.hypot(displacement[..., 0], displacement[..., 1]) / scale
    return bool(np.median(length) < USUAL and np.percentile(length, 90) < LARGE)


def on_lr_line(displacement: Floats) -> str:
    """Says that Ref stays as it is."""
    length = np.hypot(displacement[..., 0], displacement[..., 1])
    return (
        f"Ref lies on LR within {np.median(length):.1f} px (median), which registration cannot improve: left as it is"
    )


def displacement(found: Registration) -> Floats:
    """By how much HR's pixels move, (n, m, 2), at some of them."""
    height, width = found.size
    x, y = found.coordinates(Window(0, 0, height, width))
    moved = np.stack([x - np.arange(width)[None], y - np.arange(height)[:, None]], axis=2)
    return moved[::STEP, ::STEP]


def stays(found: Registration, scale: int) -> bool:
    """Whether an accepted Ref of HR's size is left as it lies."""
    return found.accepted and found.ref_size == found.size and on_lr(displacement(found), scale)
