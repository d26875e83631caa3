"""PNG files are inflated by another library than the one that decodes them: the pixels, and the errors, stay."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.data.images import read_image
from refsr.data.images.png_inflation import MOST, inflated

START = b"\x89PNG\r\n\x1a\n"


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth, colour, rows, *, parts=1, interlaced=0, more=b""):
    """A file of unfiltered rows, its pixels in so many chunks."""
    packed = zlib.compress(rows)
    step = -(-len(packed) // parts)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    pieces = [chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step)]
    return START + chunk(b"IHDR", header) + more + b"".join(pieces) + chunk(b"tEXt", b"a\0b") + chunk(b"IEND", b"")


def rows_of(array):
    flat = array.astype(array.dtype.newbyteorder(">")).reshape(len(array), -1)
    return b"".join(b"\0" + row.tobytes() for row in flat)


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("colour", "bands"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_pixels_are_those_of_the_file(dtype, colour, bands, parts):
    array = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (350, 211, bands), dtype)
    data = png(211, 350, 8 * array.itemsize, colour, rows_of(array), parts=parts)
    found = inflated(memoryview(data))
    assert found is not None
    assert len(found) > array.nbytes > 65535  # several stored blocks, the last one not full
    np.testing.assert_array_equal(decoded(found), decoded(data))


def test_colours_and_alpha_come_in_their_order(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    for bands, colour in ((1, 0), (3, 2), (4, 6)):
        (tmp_path / "a.png").write_bytes(png(30, 20, 8, colour, rows_of(array[:, :, :bands])))
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), array[:, :, :bands])
    # A colour that stands for transparent lies in a chunk of its own.
    transparent = chunk(b"tRNS", struct.pack(">3H", *map(int, array[3, 4, :3])))
    data = png(30, 20, 8, 2, rows_of(array[:, :, :3]), more=transparent)
    (tmp_path / "a.png").write_bytes(data)
    assert inflated(memoryview(data)) is not None
    assert read_image(tmp_path / "a.png")[3, 4, 3] == 0


def test_pixels_smaller_than_a_byte():
    bits = np.random.default_rng(0).integers(0, 2, (9, 13), np.uint8)
    data = png(13, 9, 1, 0, rows_of(np.packbits(bits, axis=1)))
    np.testing.assert_array_equal(decoded(inflated(memoryview(data))), decoded(data))
    np.testing.assert_array_equal(decoded(data), 255 * bits)


def test_what_is_left_to_the_decoder():
    rows = rows_of(np.zeros((8, 8, 1), np.uint8))
    palette = png(8, 8, 8, 3, rows, more=chunk(b"PLTE", bytes(6)))
    assert inflated(memoryview(palette)) is None
    assert inflated(memoryview(png(8, 8, 8, 0, rows, interlaced=1))) is None
    assert inflated(memoryview(png(MOST, 1, 8, 0, rows))) is None


@pytest.mark.parametrize("rows", [b"", bytes(71), bytes(73), bytes(50_000_000)], ids=["none", "short", "long", "bomb"])
def test_other_sizes_than_the_header_says_are_left_to_the_decoder(rows):
    assert inflated(memoryview(png(8, 8, 8, 0, rows))) is None


def test_damage_is_left_to_the_decoder_and_is_an_error(tmp_path):
    whole = png(64, 64, 8, 0, rows_of(np.random.default_rng(0).integers(0, 255, (64, 64, 1), np.uint8)))
    at = whole.index(b"IDAT") + 200
    damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    assert inflated(memoryview(whole)) is not None
    assert inflated(memoryview(damaged)) is None
    (tmp_path / "a.png").write_bytes(damaged)
    with pytest.raises(DataError, match=r"a\.png"):
        read_image(tmp_path / "a.png")
