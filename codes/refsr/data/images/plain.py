"""PNG, JPEG and plain TIFF through OpenCV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.data.images.info import Array, kept_type


def decode(file: Path, kind: str) -> Array:
    """The whole image as (H, W, C)."""
    import cv2

    try:
        data = np.fromfile(file, dtype=np.uint8)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
    _check_whole(file, kind, data)
    # EXIF turns are ignored on purpose: pixels of paired images must stay where they are.
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        hint = "; many-band or special TIFFs need the extra 'geo'" if kind == "tiff" else ""
        raise DataError(f"{file}: broken or unsupported {kind.upper()}{hint}")
    image = image[:, :, None] if image.ndim == 2 else _swap_colours(image)
    kept_type(file, str(image.dtype))
    return image.astype(np.float32) if image.dtype == np.float16 else image


def _check_whole(file: Path, kind: str, data: npt.NDArray[np.uint8]) -> None:
    """OpenCV fills the missing part of a cut file with grey without an error, so look for the end mark."""
    tail = data[-64:].tobytes()
    if (kind == "jpeg" and b"\xff\xd9" not in tail) or (kind == "png" and b"IEND" not in tail):
        raise DataError(f"{file}: the file is cut short")


def encode(image: Array, kind: str, quality: int | None = None, name: object = "image") -> bytes:
    """(H, W, C) as the bytes of a PNG, JPEG or plain TIFF file."""
    import cv2

    bands = image.shape[2]
    allowed = {"png": (1, 3, 4), "jpeg": (1, 3), "tiff": (1, 3, 4)}[kind]
    if bands not in allowed:
        other = "; install the extra 'geo' or use .npy" if kind == "tiff" else "; use .tif or .npy"
        raise DataError(f"{name}: {kind.upper()} holds {' or '.join(map(str, allowed))} bands, not {bands}{other}")
    if image.dtype == np.float32 and kind != "tiff":
        raise DataError(f"{name}: {kind.upper()} cannot hold float32; use .tif or .npy")
    if image.dtype == np.uint16 and kind == "jpeg":
        raise DataError(f"{name}: JPEG holds 8 bits only; use .png, .tif or .npy for uint16")
    parameters: list[int] = []
    if kind == "jpeg":
        parameters = [cv2.IMWRITE_JPEG_QUALITY, 95 if quality is None else quality]
    done, data = cv2.imencode("." + kind, _swap_colours(image), parameters)
    if not done:
        raise DataError(f"{name}: {kind.upper()} encoding failed for shape {image.shape}")
    return bytes(data.tobytes())


def _swap_colours(image: Array) -> Array:
    """RGB(A) to OpenCV's order or back; one band stays."""
    if image.shape[2] == 3:
        return np.ascontiguousarray(image[:, :, ::-1])
    if image.shape[2] == 4:
        return np.ascontiguousarray(image[:, :, [2, 1, 0, 3]])
    return np.ascontiguousarray(image)
