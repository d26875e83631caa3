"""Members derived from others by the exact bicubic resizer: a window is the same as cut from the whole image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refsr.core.window import Window
from refsr.data.sample import Unit
from refsr.ops.resize import imresize

MARGIN = 3
"""LR pixels around a window that resizing depends on: bicubic needs two beyond an edge, odd phases one more."""
DERIVED = {"lr": "hr", "lr_up": "lr", "ref_down": "ref"}
"""Members that can be derived, and from what."""

Read = Callable[[str, Window], Unit]
"""A member under a high-resolution window, in [0, 1]."""


def derived(name: str, read: Read, window: Window, scale: int, height: int, width: int) -> Unit:
    """Member `name` under a window of a high-resolution image (height, width), both sides multiples of `scale`.

    Its source is read with enough around the window that cutting first changes nothing.
    """
    around = window.surrounded(scale, 2 * MARGIN, height, width)
    image = read(DERIVED[name], around)
    part = Window(window.top - around.top, window.left - around.left, window.height, window.width)
    if name == "lr":
        image, part = imresize(image, f"1/{scale}"), part.reduced(scale)
    elif name == "lr_up":
        image = imresize(image, scale)
    else:
        image = blurred(image, scale)
    cut: Unit = image[part.top : part.top + part.height, part.left : part.left + part.width]
    return np.clip(cut, 0, 1)


def blurred(image: Unit, scale: int) -> Unit:
    """(H, W, C) reduced by `scale` and upsampled again, not clipped: how Ref_DUX is made from Ref."""
    upsampled: Unit = imresize(imresize(image, f"1/{scale}"), scale)
    return upsampled
