"""A reference in memory laid on LR's fine grid: registered, and replaced by upsampled LR where it cannot be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.data.derivation import derived
from refsr.data.sample import Unit
from refsr.registration import Registration, RegistrationOptions, register
from refsr.registration.options import Mode
from refsr.registration.pair import SMALLEST
from refsr.registration.transforms import Floats

REFUSED = "Ref is refused"
"""How the line of a reference begins that is not used."""
Weight = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RegisteredReference:
    """What the network gets for a reference, and how that was found."""

    images: dict[str, Unit]
    """`ref`, and `ref_down` where it was given, (s*h, s*w, C) in [0, 1]."""
    weight: Weight
    """(s*h, s*w): how much the reference counts at each pixel, 0 to 1."""
    line: str
    """For a log."""
    found: Registration | None
    """None where LR is too small to compare and Ref was taken as it lies."""

    @property
    def refused(self) -> bool:
        return self.found is not None and not self.found.accepted


def registered(
    lr: Unit, images: Mapping[str, Unit], scale: int, mode: Mode, lr_up: Unit | None = None
) -> RegisteredReference:
    """LR (h, w, C) and `ref` (H', W', C), with `ref_down` on the same pixels where it is given, all in [0, 1].

    Where the weight is below 1, the rest is upsampled LR: what networks get that have no reference. So a Ref that is
    refused changes nothing of the result. An LR too small to compare is paired with Ref as it lies.
    """
    ref = images["ref"]
    size = (scale * lr.shape[0], scale * lr.shape[1])
    if min(lr.shape[:2]) < SMALLEST:
        line = f"Ref is taken as it lies: LR of {lr.shape[0]}x{lr.shape[1]} is too small to compare"
        return RegisteredReference(dict(images), np.ones(size, np.float32), line, None)
    found = register(lr, ref, scale, RegistrationOptions(mode=mode))
    if mode == "auto" and found.accepted and ref.shape[:2] == size:
        apart = _displacement(found)
        if on_lr(apart, scale):
            return RegisteredReference(dict(images), np.ones(size, np.float32), on_lr_line(apart), found)
    large = _upsampled(lr, scale) if lr_up is None else lr_up
    laid = {name: _laid(found, image, large) for name, image in images.items()}
    return RegisteredReference(laid, found.weight, registration_line(found), found)


def on_lr(displacement: Floats, scale: int) -> bool:
    """Whether a displacement (..., 2) in HR pixels is no larger than what registering a Ref that lies on LR gives.

    Then Ref stays as it is: warping by what may be an error costs more than the offset.
    """
    length = np.hypot(displacement[..., 0], displacement[..., 1]) / scale
    return bool(np.median(length) < USUAL and np.percentile(length, 90) < LARGE)


USUAL, LARGE = 0.25, 0.75
"""LR pixels, median and 90th percentile: what is found on worlds without any offset, with other sun and shadows."""


def on_lr_line(displacement: Floats) -> str:
    """Says that Ref stays as it is."""
    length = np.hypot(displacement[..., 0], displacement[..., 1])
    return (
        f"Ref lies on LR within {np.median(length):.1f} px (median), which registration cannot improve: left as it is"
    )


def _displacement(found: Registration) -> Floats:
    """By how much HR's pixels move, (n, m, 2), at some of them."""
    height, width = found.size
    x, y = found.coordinates(Window(0, 0, height, width))
    moved = np.stack([x - np.arange(width)[None], y - np.arange(height)[:, None]], axis=2)
    return moved[::STEP, ::STEP]


STEP = 4


def registration_line(found: Registration) -> str:
    """What was found, and what follows from it."""
    if not found.accepted:
        return f"{REFUSED}: {'; '.join(found.verdict.reasons)}; restored without a reference"
    return f"{found.sentence()}: no reference there"


def _laid(found: Registration, image: Unit, large: Unit) -> Unit:
    if not found.accepted or image.shape[2] != large.shape[2]:
        return large
    weight = found.weight[:, :, None]
    warped = np.clip(found.warp(image)[0], 0, 1)
    return np.asarray(warped * weight + large * (1 - weight), np.float32)


def _upsampled(lr: Unit, scale: int) -> Unit:
    """LR_UX as it is derived for networks, some rows at a time, whose copies in float64 stay small."""
    height, width = scale * lr.shape[0], scale * lr.shape[1]

    def read(_: str, window: Window) -> Unit:
        rows, columns = window.reduced(scale).within(Window(0, 0, *lr.shape[:2]))
        return lr[rows, columns]

    windows = (Window(top, 0, min(ROWS, height - top), width) for top in range(0, height, ROWS))
    return np.concatenate([derived("lr_up", read, window, scale, height, width) for window in windows])


ROWS = 512
