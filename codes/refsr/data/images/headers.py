"""Which format an image file has, and its size, bands and type, from its first bytes."""

from __future__ import annotations

import struct
from pathlib import Path

from refsr.core.errors import DataError, suggestion
from refsr.data.images.info import ImageInfo

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
    b"\x93NUMPY": "npy",
}


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


def named_kind(path: Path) -> str | None:
    """The kind that the file's suffix promises, if it promises one."""
    suffix = path.suffix.lower().lstrip(".")
    return {"jpg": "jpeg", "jpeg": "jpeg", "tif": "tiff", "tiff": "tiff", "png": "png", "npy": "npy"}.get(suffix)


def png_info(file: Path) -> ImageInfo | None:
    """None where the pixels must be decoded: a palette, or less than 8 bits."""
    with file.open("rb") as handle:
        head = handle.read(33)
        if len(head) < 33 or head[12:16] != b"IHDR":
            raise DataError(f"{file}: broken PNG header")
        width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if colour == 3 or depth < 8:
        return None
    bands = {0: 1, 2: 3, 4: 4, 6: 4}.get(colour)
    if bands is None:
        raise DataError(f"{file}: broken PNG header")
    return ImageInfo(height, width, bands, "uint16" if depth == 16 else "uint8")


def jpeg_info(file: Path) -> ImageInfo:
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


def _siblings(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir()]
    except OSError:
        return []
