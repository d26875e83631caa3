"""What an image is: its description, a window of it, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.core.window import Window

Array = npt.NDArray[Any]

DTYPES = ("uint8", "uint16", "float32")
"""What images may hold; everything between reader and network works with these three."""
MOST_BANDS = 256


@dataclass(frozen=True)
class ImageInfo:
    """What can be known of an image without decoding it."""

    height: int
    width: int
    bands: int
    dtype: str

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.bands

    def __str__(self) -> str:
        return f"{self.height}x{self.width}, {self.bands} band{'s' * (self.bands != 1)}, {self.dtype}"


def info_of(array: Array) -> ImageInfo:
    """The description of an image in memory."""
    height, width, bands = array.shape
    return ImageInfo(height, width, bands, str(array.dtype))


def check_array(name: object, image: Array) -> None:
    """Refuses what is no image of ours, with `name` in the message."""
    if image.ndim != 3 or 0 in image.shape:
        raise DataError(f"{name}: shape {image.shape} is not (height, width, bands) with all of them above zero")
    if image.shape[2] > MOST_BANDS:
        raise DataError(f"{name}: {image.shape[2]} bands, at most {MOST_BANDS} are supported")
    if str(image.dtype) not in DTYPES:
        raise DataError(f"{name}: values are {image.dtype}, supported are {', '.join(DTYPES)}")


def check_window(name: object, window: Window, height: int, width: int) -> None:
    """Refuses a window that does not lie inside an image of this size."""
    inside = window.top >= 0 and window.left >= 0 and min(window.height, window.width) > 0
    if not inside or window.top + window.height > height or window.left + window.width > width:
        raise DataError(f"{name}: window {tuple(window)} does not lie inside {height}x{width}")


def cut(name: object, image: Array, window: Window | None) -> Array:
    """The window of an image, or all of it."""
    if window is None:
        return image
    check_window(name, window, image.shape[0], image.shape[1])
    top, left, height, width = window
    return image[top : top + height, left : left + width]


def kept_type(name: object, dtype: str) -> str:
    """The type that a file's values are read as, none of them changed."""
    if dtype == "float16":
        return "float32"
    if dtype not in DTYPES:
        raise DataError(f"{name}: values are {dtype}, supported are {', '.join(DTYPES)}")
    return dtype
