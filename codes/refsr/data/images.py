"""Image files as arrays: (H, W, C), bands in file order but RGB(A) for colour, in their own type.

PNG, JPEG and plain TIFF go through OpenCV, GeoTIFF and many-band TIFF through rasterio, `.npy` through NumPy.
The content decides how a file is read; its name only decides how one is written.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError, suggestion

Array = npt.NDArray[Any]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
DTYPES = ("uint8", "uint16", "float32")
"""What images may hold; everything between reader and network works with these three."""
MOST_BANDS = 256


class Window(NamedTuple):
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class ImageInfo:
    """What can be known of an image without decoding it."""

    height: int
    width: int
    bands: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.height}x{self.width}, {self.bands} band{'s' * (self.bands != 1)}, {self.dtype}"


def file_kind(path: Path) -> str:
    """`png`, `jpeg`, `tiff` or `npy` by the file's first bytes, whatever its name says."""
    try:
        with path.open("rb") as handle:
            head = handle.read(8)
    except FileNotFoundError:
        near = suggestion(path.name, _siblings(path))
        raise DataError(f"{path}: no such file{near}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    if not head:
        raise DataError(f"{path}: the file is empty")
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    raise DataError(f"{path}: not a PNG, JPEG, TIFF or .npy image")


MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
    b"\x93NUMPY": "npy",
}


def named_kind(path: Path) -> str | None:
    """The kind that the file's suffix promises, if it promises one."""
    suffix = path.suffix.lower().lstrip(".")
    return {"jpg": "jpeg", "jpeg": "jpeg", "tif": "tiff", "tiff": "tiff", "png": "png", "npy": "npy"}.get(suffix)


def probe_image(path: str | Path) -> ImageInfo:
    """Size, bands and type from the file's header, without decoding pixels where the format allows."""
    file = Path(path)
    kind = file_kind(file)
    if kind == "png":
        return _probe_png(file)
    if kind == "npy":
        array = _open_npy(file)
        return info_of(array)
    if kind == "tiff" and has_rasterio():
        with rasterio_open(file) as source:
            return ImageInfo(source.height, source.width, source.count, _lossless(file, source.dtypes[0]))
    if kind == "jpeg":
        return _probe_jpeg(file)
    return info_of(read_image(file))


def info_of(array: Array) -> ImageInfo:
    """The description of an image in memory."""
    height, width, bands = array.shape
    return ImageInfo(height, width, bands, str(array.dtype))


def read_image(path: str | Path, window: Window | None = None) -> Array:
    """The image, or a window of it, as (H, W, C); grey has one band, alpha is the fourth."""
    file = Path(path)
    kind = file_kind(file)
    if kind == "npy":
        return np.array(_cut(file, _open_npy(file), window))
    if kind == "tiff" and has_rasterio():
        return _read_rasterio(file, window)
    return np.ascontiguousarray(_cut(file, _decode(file, kind), window))


def write_image(
    path: str | Path, array: Array, quality: int | None = None, profile: Mapping[str, Any] | None = None
) -> None:
    """Writes (H, W, C) or (H, W) under the format that the suffix names, whole or not at all.

    `profile` goes to rasterio where that writes a TIFF: `crs`, `transform`, `nodata`; `tags` are the file's own.
    """
    file = Path(path)
    kind = named_kind(file)
    image = array[:, :, None] if array.ndim == 2 else array
    if kind is None:
        known = ", ".join(IMAGE_SUFFIXES)
        raise DataError(f"{file}: no image format has the suffix {file.suffix!r} (known: {known})")
    check_array(file, image)
    if kind == "npy":
        write_bytes(file, npy_bytes(image))
    elif kind == "tiff" and has_rasterio():
        write_bytes(file, _tiff_bytes(image, profile or {}))
    else:
        write_bytes(file, encode(image, kind, quality, file))


def check_array(name: object, image: Array) -> None:
    """Refuses what is no image of ours, with `name` in the message."""
    if image.ndim != 3 or 0 in image.shape:
        raise DataError(f"{name}: shape {image.shape} is not (height, width, bands) with all of them above zero")
    if image.shape[2] > MOST_BANDS:
        raise DataError(f"{name}: {image.shape[2]} bands, at most {MOST_BANDS} are supported")
    if str(image.dtype) not in DTYPES:
        raise DataError(f"{name}: values are {image.dtype}, supported are {', '.join(DTYPES)}")


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


def npy_bytes(array: Array) -> bytes:
    """An array as the bytes of a `.npy` file."""
    import io

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def has_rasterio() -> bool:
    """Whether the extra `geo` is installed."""
    import importlib.util

    return importlib.util.find_spec("rasterio") is not None


def _cut(file: Path, image: Array, window: Window | None) -> Array:
    if window is None:
        return image
    check_window(file, window, image.shape[0], image.shape[1])
    top, left, height, width = window
    return image[top : top + height, left : left + width]


def check_window(name: object, window: Window, height: int, width: int) -> None:
    """Refuses a window that does not lie inside an image of this size."""
    inside = window.top >= 0 and window.left >= 0 and min(window.height, window.width) > 0
    if not inside or window.top + window.height > height or window.left + window.width > width:
        raise DataError(f"{name}: window {tuple(window)} does not lie inside {height}x{width}")


def _swap_colours(image: Array) -> Array:
    """RGB(A) to OpenCV's order or back; one band stays."""
    if image.shape[2] == 3:
        return np.ascontiguousarray(image[:, :, ::-1])
    if image.shape[2] == 4:
        return np.ascontiguousarray(image[:, :, [2, 1, 0, 3]])
    return np.ascontiguousarray(image)


def _decode(file: Path, kind: str) -> Array:
    import cv2

    try:
        data = np.fromfile(file, dtype=np.uint8)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
    _whole(file, kind, data)
    # EXIF turns are ignored on purpose: pixels of paired images must stay where they are.
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        hint = "; many-band or special TIFFs need the extra 'geo'" if kind == "tiff" else ""
        raise DataError(f"{file}: broken or unsupported {kind.upper()}{hint}")
    image = image[:, :, None] if image.ndim == 2 else _swap_colours(image)
    _lossless(file, str(image.dtype))
    return image.astype(np.float32) if image.dtype == np.float16 else image


def _whole(file: Path, kind: str, data: npt.NDArray[np.uint8]) -> None:
    """OpenCV fills the missing part of a cut file with grey and says nothing, so look for the end mark."""
    tail = data[-64:].tobytes()
    if (kind == "jpeg" and b"\xff\xd9" not in tail) or (kind == "png" and b"IEND" not in tail):
        raise DataError(f"{file}: the file is cut short")


def _lossless(file: Path, dtype: str) -> str:
    if dtype == "float16":
        return "float32"
    if dtype not in DTYPES:
        raise DataError(f"{file}: values are {dtype}, supported are {', '.join(DTYPES)}")
    return dtype


def _probe_png(file: Path) -> ImageInfo:
    with file.open("rb") as handle:
        head = handle.read(33)
        if len(head) < 33 or head[12:16] != b"IHDR":
            raise DataError(f"{file}: broken PNG header")
        width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if colour == 3 or depth < 8:
        return info_of(read_image(file))
    bands = {0: 1, 2: 3, 4: 4, 6: 4}.get(colour)
    if bands is None:
        raise DataError(f"{file}: broken PNG header")
    return ImageInfo(height, width, bands, "uint16" if depth == 16 else "uint8")


def _probe_jpeg(file: Path) -> ImageInfo:
    """Walks the markers to the frame header."""
    with file.open("rb") as handle:
        handle.seek(2)
        while True:
            marker = handle.read(2)
            if len(marker) < 2 or marker[0] != 0xFF:
                raise DataError(f"{file}: broken JPEG header")
            if marker[1] == 0xFF:
                handle.seek(-1, 1)
                continue
            length = handle.read(2)
            if len(length) < 2:
                raise DataError(f"{file}: the file is cut short")
            if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
                frame = handle.read(6)
                if len(frame) < 6:
                    raise DataError(f"{file}: the file is cut short")
                _, height, width, bands = struct.unpack(">BHHB", frame)
                # Four components are CMYK, which is decoded to RGB.
                return ImageInfo(height, width, 1 if bands == 1 else 3, "uint8")
            handle.seek(struct.unpack(">H", length)[0] - 2, 1)


def _open_npy(file: Path) -> Array:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TokenError) as error:
        raise DataError(f"{file}: not a plain array: {error}") from error
    image: Array = array[:, :, None] if array.ndim == 2 else array
    check_array(file, image)
    return image


@contextlib.contextmanager
def rasterio_open(file: Path) -> Iterator[Any]:
    """A TIFF, open; what rasterio says of a broken one is a DataError."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(file) as source:
                yield source
    except RasterioError as error:
        raise DataError(f"{file}: broken or unsupported TIFF: {error}") from error


def _read_rasterio(file: Path, window: Window | None) -> Array:
    with rasterio_open(file) as source:
        dtype = _lossless(file, source.dtypes[0])
        if window is not None:
            check_window(file, window, source.height, source.width)
            rows = (window.top, window.top + window.height)
            columns = (window.left, window.left + window.width)
            planes = source.read(window=(rows, columns))
        else:
            planes = source.read()
    image = np.ascontiguousarray(np.moveaxis(planes, 0, 2)).astype(dtype, copy=False)
    check_array(file, image)
    return image


def _tiff_bytes(image: Array, more: Mapping[str, Any]) -> bytes:
    import warnings

    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    height, width, bands = image.shape
    colour = {"photometric": "RGB"} if bands in (3, 4) and image.dtype == np.uint8 else {"photometric": "MINISBLACK"}
    profile = {"height": height, "width": width, "count": bands, "dtype": str(image.dtype), "compress": "deflate"}
    tags = more.get("tags", {})
    more = {name: value for name, value in more.items() if name != "tags"}
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # Beyond 4 GiB a TIFF is another format, and how far it compresses is not known before.
        with memory.open(driver="GTiff", **profile, **colour, BIGTIFF="IF_SAFER", **more) as sink:
            sink.write(np.moveaxis(image, 2, 0))
            sink.update_tags(**tags)
        return bytes(memory.read())


def _siblings(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir()]
    except OSError:
        return []
