"""PNG files inflated by ISA-L, which takes a third of zlib's time; OpenCV does the rest."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from isal import isal_zlib

from refsr.data.images.headers import PNG_START, png_chunks

SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
"""Samples of a pixel by the colour type of the header; palettes are left to OpenCV."""
MOST = 1 << 26
"""Bytes of pixels: of larger images no copies are kept in memory."""
STORED = 0xFFFF
"""Bytes that a stored block of a deflate stream holds at most."""


def inflated(data: memoryview) -> bytes | None:
    """The same PNG with its pixels stored instead of compressed.

    None for interlaced and very large images and for palettes, and where anything is wrong: the decoder sees the file
    itself then, and says what.
    """
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if interlaced or colour not in SAMPLES:
        return None
    size = height * (1 + (width * SAMPLES[colour] * depth + 7) // 8)
    if size > MOST:
        return None
    before, packed = [bytes(data[:PNG_START])], []
    for name, chunk in named_chunks(data):
        if name == b"IDAT":
            (checksum,) = struct.unpack(">I", chunk[-4:])
            if isal_zlib.crc32(chunk[4:-4]) != checksum:
                return None
            packed.append(chunk[8:-4])
        elif not packed:
            before.append(bytes(chunk))
    stream = isal_zlib.decompressobj()
    try:
        # One byte more than there may be: what expands without end is not followed.
        pixels = stream.decompress(b"".join(packed), size + 1)
    except isal_zlib.error:  # type: ignore[misc]
        return None
    if len(pixels) != size or not stream.eof:
        return None
    return b"".join([*before, png_chunk(b"IDAT", stored(pixels)), png_chunk(b"IEND", b"")])


def named_chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The name of each chunk of a whole file, and the chunk from its length to its checksum."""
    for name, place in png_chunks(lambda at: bytes(data[at : at + 8])):
        yield name, data[place]


def png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = isal_zlib.crc32(content, isal_zlib.crc32(name))
    return b"".join([struct.pack(">I", len(content)), name, content, struct.pack(">I", checksum)])


def stored(content: bytes) -> bytes:
    """A zlib stream of blocks that are not compressed."""
    view, parts = memoryview(content), [b"\x78\x01"]
    for at in range(0, len(content), STORED):
        block = view[at : at + STORED]
        last = at + STORED >= len(content)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ STORED), block]  # type: ignore[list-item]
    return b"".join([*parts, struct.pack(">I", isal_zlib.adler32(content))])
