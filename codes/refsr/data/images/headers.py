"""Which format an image file has, and its size, bands and type, from its first bytes."""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from refsr.core.errors import DataError
from refsr.core.foreign_files import require_file
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
PNG_START = 8
"""Where a PNG's first chunk begins."""
MOST_CHUNKS, MOST_TAGS = 1000, 1000
"""Of a PNG's header and of a TIFF's."""
WIDTH, HEIGHT, BANDS = 256, 257, 277
"""Tags of a TIFF."""


def file_kind(path: Path) -> str:
    """`png`, `jpeg`, `tiff` or `npy` by the file's first bytes, whatever its name says."""
    with opened_image(path) as handle:
        return kind_of(handle, path)


@contextlib.contextmanager
def opened_image(path: Path) -> Iterator[BinaryIO]:
    """The file, open; one that cannot be read is a DataError."""
    require_file(path)
    try:
        with path.open("rb") as handle:
            yield handle
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def kind_of(handle: BinaryIO, path: Path) -> str:
    """The same of a file that is open at its start."""
    head = handle.read(8)
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


def png_info(handle: BinaryIO, file: Path) -> ImageInfo:
    """A palette has three bands; it and RGB have a fourth where some of their colours have an alpha."""
    handle.seek(0)
    head = handle.read(33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise DataError(f"{file}: broken PNG header")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    bands = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}.get(colour)
    if bands is None:
        raise DataError(f"{file}: broken PNG header")
    if colour in (2, 3):

        def head_at(at: int) -> bytes:
            handle.seek(at)
            return handle.read(8)

        names = (name for name, _ in itertools.islice(png_chunks(head_at), MOST_CHUNKS))
        bands += b"tRNS" in itertools.takewhile(lambda name: name != b"IDAT", names)
    return ImageInfo(height, width, bands, "uint16" if depth == 16 else "uint8")


def png_chunks(head_at: Callable[[int], bytes]) -> Iterator[tuple[bytes, slice]]:
    """The name of each chunk, and where it lies; `head_at` gives the eight bytes of the file from a place on."""
    at = PNG_START
    while len(head := head_at(at)) == 8:
        end = at + 12 + int.from_bytes(head[:4], "big")
        yield head[4:], slice(at, end)
        if head[4:] == b"IEND":
            return
        at = end


def tiff_shape(handle: BinaryIO, file: Path) -> tuple[int, int, int]:
    """Height, width and bands of the first image in a TIFF."""
    handle.seek(0)
    head = handle.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    offset, count, entry = ("Q", "Q", "HHQQ") if big else ("I", "H", "HHII")
    try:
        handle.seek(struct.unpack_from(order + offset, head, 8 if big else 4)[0])
        (entries,) = struct.unpack(order + count, handle.read(struct.calcsize(order + count)))
        size, value = struct.calcsize(order + entry), struct.calcsize(order + entry[:3])
        directory = handle.read(size * min(entries, MOST_TAGS))
        found = {WIDTH: 0, HEIGHT: 0, BANDS: 1}
        for at in range(0, len(directory) - size + 1, size):
            tag, kind = struct.unpack_from(order + "HH", directory, at)
            if tag in found:
                number = {3: "H", 4: "I", 16: "Q"}.get(kind, "B")
                (found[tag],) = struct.unpack_from(order + number, directory, at + value)
    except (struct.error, OSError, OverflowError) as error:
        raise DataError(f"{file}: broken TIFF header") from error
    return found[HEIGHT], found[WIDTH], found[BANDS]


def jpeg_info(handle: BinaryIO, file: Path) -> ImageInfo:
    """Walks the markers to the frame header."""
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
