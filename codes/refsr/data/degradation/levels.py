"""Images of integers and of floats on one range, where 1 is the type's full range, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float64]
Image = npt.NDArray[Any]


def levels_of(image: Image) -> int | None:
    """255 or 65535 for integers, None for floats."""
    return int(np.iinfo(image.dtype).max) if image.dtype.kind == "u" else None


def normalised(image: Image) -> FloatImage:
    """Integers to float64 with full range 1; floats as they are."""
    return image.astype(np.float64) / (levels_of(image) or 1)


def quantised(image: FloatImage, levels: int | None) -> Image:
    """Back to integers of full range `levels`, halves up, clipped; or to float32, as it is."""
    if levels is None:
        return image.astype(np.float32)
    # The billionth is for halves that the division by `levels` left a hair too small.
    whole = np.clip(np.floor(image * levels + 0.5 + 1e-9), 0, levels)
    return whole.astype(np.uint8 if levels == 255 else np.uint16)
