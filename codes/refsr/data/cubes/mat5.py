"""The arrays of numbers in a file of MATLAB 5 to 7, found without opening anything else that it holds.

Written by hand because SciPy's reader trusts sizes in the file: a few wrong bytes end the whole process. Only plain
arrays are ever decoded; of cells, structures, objects and functions no more than name and shape is read.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from refsr.core.errors import DataError
from refsr.core.foreign_files import require_expansion, require_pixels
from refsr.data.images import Array

HEADER = 128
MATRIX, COMPRESSED = 14, 15
# How numbers lie in the file: by the code of their type.
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
# What an array is, by the code of its class, and the type of those that are plain numbers.
CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single", 8: "int8", 9: "uint8",
    10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64", 15: "uint64", 16: "function", 17: "opaque",
}  # fmt: skip
NUMBERS = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4",
    "uint32": "u4", "int64": "i8", "uint64": "u8",
}  # fmt: skip
COMPLEX, LOGICAL = 0x08, 0x02
# Flags, shape and name of an array lie within so many of its bytes.
LONGEST_HEAD = 4096
MOST_AXES = 32


@dataclass(frozen=True)
class MatArray:
    """One array of a file: what it is, and where its numbers lie."""

    name: str
    shape: tuple[int, ...]
    kind: str
    """MATLAB's class, `complex` and `logical` before it where it is."""
    stored: np.dtype[np.generic] | None
    """How its numbers lie in the file; None where it is no plain array."""
    place: int
    """Of its content in the file."""
    size: int
    """Bytes of that content."""
    start: int
    """Of its numbers within the content, decompressed."""
    compressed: bool

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def arrays_in(file: Path) -> dict[str, MatArray]:
    """The named arrays of a file, by name."""
    try:
        with file.open("rb") as handle:
            return {array.name: array for array in _arrays(handle, file.stat().st_size) if array.name}
    except (ValueError, struct.error, zlib.error) as error:
        raise DataError(f"{file}: a broken file of MATLAB: {error}") from error


def values_of(file: Path, array: MatArray) -> Array:
    """The numbers of a plain array in its shape; a view of the mapped file where they are not compressed."""
    if array.stored is None:
        raise DataError(f"{file}: {array.name!r} is {array.kind}; a cube is a plain array of numbers")
    needed = array.count * array.stored.itemsize
    if not array.compressed:
        mapped = np.memmap(file, array.stored, "r", array.place + array.start, (array.count,))
        return mapped.reshape(array.shape, order="F")
    require_pixels(file, array.count, 1)
    require_expansion(file, array.size, needed)
    with file.open("rb") as handle:
        handle.seek(array.place)
        packed = handle.read(array.size)
    try:
        plain = zlib.decompressobj().decompress(packed, array.start + needed)
    except zlib.error as error:
        raise DataError(f"{file}: {array.name!r} does not inflate, the file is broken: {error}") from error
    if len(plain) < array.start + needed:
        raise DataError(f"{file}: {array.name!r} ends too early, the file is broken")
    return np.frombuffer(plain, array.stored, array.count, array.start).reshape(array.shape, order="F")


def _arrays(handle: BinaryIO, size: int) -> Iterator[MatArray]:
    head = handle.read(HEADER)
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(head[124:])
    if order is None:
        raise ValueError("no header of MATLAB 5 to 7; save it again by '-v7'")
    place = HEADER
    while place < size:
        handle.seek(place)
        tag = handle.read(8)
        if len(tag) < 8:
            raise ValueError("it is cut short")
        code, length = struct.unpack(f"{order}II", tag)
        place += 8
        if place + length > size:
            raise ValueError("it is cut short, or says a wrong length")
        if code not in (MATRIX, COMPRESSED):
            raise ValueError(f"it holds something of type {code} where an array should begin")
        content = handle.read(min(length, LONGEST_HEAD))
        start = 0
        if code == COMPRESSED:
            content = zlib.decompressobj().decompress(content, LONGEST_HEAD)
            inner, _ = struct.unpack_from(f"{order}II", content)
            if inner != MATRIX:
                raise ValueError(f"it holds something of type {inner} where an array should be")
            start = 8
        if length:
            yield _array(content, order, place, length, start, code == COMPRESSED)
        place += length


def _array(content: bytes, order: str, place: int, size: int, start: int, compressed: bool) -> MatArray:
    """The array whose content begins with these bytes."""
    _, flags, at = _element(content, order, start)
    what, _ = struct.unpack(f"{order}II", flags)
    _, sides, at = _element(content, order, at)
    if len(sides) % 4 or len(sides) // 4 > MOST_AXES:
        raise ValueError("an array's shape makes no sense")
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    _, name, at = _element(content, order, at)
    kind = CLASSES.get(what & 0xFF, f"class {what & 0xFF}")
    marks = what >> 8 & 0xFF
    stored, begin = None, at
    if kind in NUMBERS and not marks & (COMPLEX | LOGICAL):
        code, length, begin = _tag(content, order, at)
        if code not in STORED:
            raise ValueError(f"numbers of type {code} are not known")
        stored = np.dtype(order + STORED[code])
        fits = min(shape, default=0) >= 0 and math.prod(shape) * stored.itemsize == length
        if not fits or (not compressed and begin + length > size):
            raise ValueError("an array's shape and its numbers do not agree")
    if marks & (COMPLEX | LOGICAL):
        kind = f"{'complex' if marks & COMPLEX else 'logical'} {kind}"
    return MatArray(name.decode("latin-1"), shape, kind, stored, place, size, begin, compressed)


def _tag(content: bytes, order: str, at: int) -> tuple[int, int, int]:
    """Type and length of an element, and where its bytes begin."""
    word, length = struct.unpack_from(f"{order}II", content, at)
    if word >> 16:
        # Up to four bytes lie in the tag itself.
        return word & 0xFFFF, word >> 16, at + 4
    return word, length, at + 8


def _element(content: bytes, order: str, at: int) -> tuple[int, bytes, int]:
    """Type and bytes of a short element, and where the next one begins."""
    code, length, begin = _tag(content, order, at)
    if begin + length > len(content):
        raise ValueError("what describes an array makes no sense")
    end = begin + length if begin > at + 4 else at + 8
    return code, content[begin : begin + length], end + -end % 8
