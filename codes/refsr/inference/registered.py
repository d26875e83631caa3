"""A reference in memory laid on LR's fine grid: registered, and replaced by upsampled LR where it cannot be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.data.derivation import derived
from refsr.data.registered.on_lr import displacement, on_lr_line, stays
from refsr.data.sample import Unit
from refsr.registration import Registration, RegistrationOptions, register
from refsr.registration.options import Mode
from refsr.registration.pair import SMALLEST

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
    lr: Unit, images: Mapping[str, Unit], scale: int, mode: Mode, lr_up: Unit | None = None, blend: bool = True
) -> RegisteredReference:
    """LR (h, w, C) and `ref` (H', W', C), with `ref_down` on the same pixels where it is given, all in [0, 1].

    Where the weight is below 1, the rest is upsampled LR: what networks get that have no reference. So a Ref that is
    refused changes nothing of the result. An LR too small to compare is paired with Ref as it lies. Networks that take
    the weight get Ref without upsampled LR in it: `blend` is false.
    """
    ref = images["ref"]
    size = (scale * lr.shape[0], scale * lr.shape[1])
    if min(lr.shape[:2]) < SMALLEST:
        line = f"Ref is taken as it lies: LR of {lr.shape[0]}x{lr.shape[1]} is too small to compare"
        return RegisteredReference(dict(images), np.ones(size, np.float32), line, None)
    found = register(lr, ref, scale, RegistrationOptions(mode=mode))
    line = registration_line(found) + _coarse(lr, ref)
    if mode == "auto" and stays(found, scale):
        line = on_lr_line(displacement(found))
        return RegisteredReference(dict(images), np.ones(size, np.float32), line, found)
    if not blend:
        warped = {name: np.clip(found.warp(image)[0], 0, 1) for name, image in images.items()}
        return RegisteredReference(warped, found.weight, line, found)
    large = upsampled(lr, scale) if lr_up is None else lr_up
    laid = {name: _laid(found, image, large) for name, image in images.items()}
    return RegisteredReference(laid, found.weight, line, found)


def registration_line(found: Registration) -> str:
    """What was found, and what follows from it."""
    if not found.accepted:
        return f"{REFUSED}: {'; '.join(found.verdict.reasons)}; restored without a reference"
    return f"{found.sentence()}: no reference there"


def _coarse(lr: Unit, ref: Unit) -> str:
    """A warning where Ref, whose frame is about that of LR, has fewer pixels."""
    if ref.shape[0] * ref.shape[1] >= lr.shape[0] * lr.shape[1]:
        return ""
    sizes = f"{ref.shape[0]}x{ref.shape[1]}, is smaller than LR, {lr.shape[0]}x{lr.shape[1]}"
    return f". Ref, {sizes}: it adds no detail (are LR and Ref swapped?)"


def _laid(found: Registration, image: Unit, large: Unit) -> Unit:
    if not found.accepted or image.shape[2] != large.shape[2]:
        return large
    weight = found.weight[:, :, None]
    warped = np.clip(found.warp(image)[0], 0, 1)
    return np.asarray(warped * weight + large * (1 - weight), np.float32)


def upsampled(lr: Unit, scale: int) -> Unit:
    """LR_UX as it is derived for networks, some rows at a time, whose copies in float64 stay small."""
    height, width = scale * lr.shape[0], scale * lr.shape[1]

    def read(_: str, window: Window) -> Unit:
        rows, columns = window.reduced(scale).within(Window(0, 0, *lr.shape[:2]))
        return lr[rows, columns]

    windows = (Window(top, 0, min(ROWS, height - top), width) for top in range(0, height, ROWS))
    return np.concatenate([derived("lr_up", read, window, scale, height, width) for window in windows])


ROWS = 512
