"""Images in [0, 1] to 8-bit values, by a protocol's rounding."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rounding = Literal["none", "even", "truncate"]


def to_levels(image: Array, rounding: Rounding = "even") -> npt.NDArray[np.float64]:
    """Values in [0, 1] to [0, 255] in float64: clipped, and whole numbers unless rounding is `none`.

    `even` rounds halves to even; `truncate` is Ref-Diff's: x * 127.5 + 128 of the range [-1, 1], fractions cut off.
    """
    values = image.astype(np.float64)
    if rounding == "truncate":
        return np.floor(np.clip((values * 2 - 1) * 127.5 + 128, 0, 255))
    levels = np.clip(values, 0, 1) * 255
    return np.rint(levels) if rounding == "even" else levels


def to_uint8(image: Array, rounding: Rounding = "even") -> npt.NDArray[np.uint8]:
    """The same as 8-bit integers, for files."""
    return to_levels(image, "even" if rounding == "none" else rounding).astype(np.uint8)
