"""Crops or pads images of a set whose sides are a few pixels off to the size that all others have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.data.images import Array, ImageInfo

MOST_OFF = 16
"""Pixels by which a side may be off; the worst known image misses fewer."""


def check_side(file: Path, info: ImageInfo, side: int) -> None:
    """Refuses an image that is not of such a set."""
    if max(abs(info.height - side), abs(info.width - side)) > MOST_OFF:
        raise DataError(
            f"{file}: is {info.height}x{info.width}; the images of this set are {side}x{side}, give or take"
        )
    if info.bands not in (1, 3) or info.dtype != "uint8":
        raise DataError(f"{file}: {info}; the images of this set are 8-bit colour")


def fitted_to_side(image: Array, side: int) -> Array:
    """(H, W, 1 or 3) -> (side, side, 3): cut, or mirrored where pixels are missing, at the bottom and right.

    Most of what is mirrored lies in the border that protocols cut away, so it is not scored.
    """
    image = image[:side, :side]
    missing = [(0, side - length) for length in image.shape[:2]]
    if any(more for _, more in missing):
        image = np.pad(image, (*missing, (0, 0)), mode="symmetric")
    return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
