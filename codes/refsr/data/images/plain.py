"""PNG and plain TIFF through OpenCV, JPEG through libjpeg-turbo."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.data.images.ends import check_end
from refsr.data.images.info import Array, kept_type
from refsr.data.images.png_inflation import inflated


def decode(handle: BinaryIO, file: Path, kind: str) -> Array:
    """The whole image of an open file as (H, W, C)."""
    import cv2

    handle.seek(0)
    data = np.fromfile(handle, dtype=np.uint8)
    if kind in ("png", "jpeg"):
        check_end(file, kind, data.data)
    if kind == "jpeg" and (pixels := _decode_jpeg(file, data)) is not None:
        return pixels
    if kind == "png" and (plain := inflated(data.data)) is not None:
        data = np.frombuffer(plain, np.uint8)
    # EXIF turns are ignored on purpose: pixels of paired images must stay where they are.
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        hint = "; many-band or special TIFFs need the extra 'geo'" if kind == "tiff" else ""
        raise DataError(f"{file}: broken or unsupported {kind.upper()}{hint}")
    image = image[:, :, None] if image.ndim == 2 else _swap_colours(image)
    kept_type(file, str(image.dtype))
    return image.astype(np.float32) if image.dtype == np.float16 else image


def _decode_jpeg(file: Path, data: npt.NDArray[np.uint8]) -> Array | None:
    """The pixels that OpenCV gives, but an error where libjpeg warns: OpenCV then makes up the damaged part.

    None of CMYK, which OpenCV alone converts.
    """
    import simplejpeg

    try:
        *_, space, _ = simplejpeg.decode_jpeg_header(data)
        if space not in ("Gray", "YCbCr", "RGB"):
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, "Gray" if space == "Gray" else "RGB"))
    except ValueError as error:
        raise DataError(f"{file}: damaged JPEG: {error}") from error


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
    import cv2

    contiguous = np.ascontiguousarray(image)
    # NumPy takes ten times as long; OpenCV knows these types only.
    if image.shape[2] in (3, 4) and image.dtype in (np.uint8, np.uint16, np.float32):
        return np.asarray(cv2.cvtColor(contiguous, cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA))
    return np.ascontiguousarray(contiguous[:, :, [2, 1, 0, 3][: image.shape[2]]]) if image.shape[2] > 2 else contiguous
