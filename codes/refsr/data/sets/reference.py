"""The reference of a sample where it has a weight map or faults: blended into upsampled LR, or with its weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.derivation import derived
from refsr.data.reference_perturbations import mirrored
from refsr.data.sample import Unit
from refsr.registration.warping import REACH, sampled

Under = Callable[[Window], Unit]
"""An image (height, width, C) under a window of HR, in [0, 1]."""


@dataclass(frozen=True)
class WeightedRef:
    """Ref on HR's grid and how much it can be trusted at each pixel, (height, width, 1)."""

    ref: Under
    weight: Under


@dataclass(frozen=True)
class Frame:
    """What members are made for: a sample's HR."""

    lr_up: Under
    scale: int
    height: int
    width: int


def reference_members(
    given: WeightedRef | None, frame: Frame, window: Window, weighted: bool, ref_down: bool
) -> dict[str, Unit]:
    """`ref`, `ref_down` where asked for, and `ref_weight` if `weighted`, under a window of HR; without Ref: weight 0.

    Networks that take no weight get Ref blended into upsampled LR by it, and all get upsampled LR where there is none.
    """

    def ref(under: Window) -> Unit:
        if given is None:
            return frame.lr_up(under)
        found = given.ref(under)
        if weighted:
            return found
        up, weight = frame.lr_up(under), given.weight(under)
        if found.shape != up.shape:
            raise DataError(
                f"Ref has {found.shape[2]} bands and LR {up.shape[2]}: they cannot be blended by Ref's weight map, "
                "and the network takes no ref_weight"
            )
        blended: Unit = weight * found + (1 - weight) * up
        return blended

    members = {"ref": ref(window)}
    if ref_down:
        height, width = frame.height, frame.width
        members["ref_down"] = derived("ref_down", lambda _, under: ref(under), window, frame.scale, height, width)
    if weighted:
        none = np.zeros((window.height, window.width, 1), np.float32)
        members["ref_weight"] = none if given is None else given.weight(window)
    return members


def mirrored_on(image: Under, height: int, width: int) -> Under:
    """An image of this size, mirrored beyond its edges as often as it takes."""

    def under(window: Window) -> Unit:
        if window.common(Window(0, 0, height, width)) == window:
            return image(window)
        rows = mirrored(np.arange(window.top, window.bottom), height)
        columns = mirrored(np.arange(window.left, window.right), width)
        top, left = int(rows.min()), int(columns.min())
        part = Window(top, left, int(rows.max()) - top + 1, int(columns.max()) - left + 1)
        return image(part)[(rows - top)[:, None], columns - left]

    return under


def shifted(image: Under, right: float, down: float) -> Under:
    """An image of which each pixel shows what lay so many pixels further right and down, by Lanczos interpolation."""
    margin = REACH + math.ceil(max(abs(right), abs(down)))

    def under(window: Window) -> Unit:
        around = window.grown(margin)

        def coordinates(part: Window) -> tuple[Unit, Unit]:
            rows, columns = np.mgrid[part.top : part.bottom, part.left : part.right]
            return columns - around.left + right, rows - around.top + down

        return sampled(image(around), coordinates, window, 1.0)[0]

    return under


def everywhere(window: Window) -> Unit:
    """The weight of a Ref that is trusted at every pixel."""
    return np.ones((window.height, window.width, 1), np.float32)


def within(image: Unit) -> Under:
    """A whole image in memory."""
    return lambda window: image[window.top : window.bottom, window.left : window.right]
