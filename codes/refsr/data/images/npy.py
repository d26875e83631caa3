"""`.npy` files: (height, width, bands) or (height, width), never a pickle."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.data.images.info import Array, check_array


def open_npy(file: Path) -> Array:
    """The image, mapped from disk and not yet read."""
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # NumPy evaluates a header's text, so broken ones raise whatever a parser can.
        raise DataError(f"{file}: not a plain array: {error}") from error
    image: Array = array[:, :, None] if array.ndim == 2 else array
    check_array(file, image)
    return image


def npy_bytes(array: Array) -> bytes:
    """An array as the bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
