"""Files of a few bytes, or megabytes, that stand for much more; made by code."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import torch

GIGABYTE = 1 << 30


def wide_tiff(path: Path, bands: int = 65535, side: int = 1, tiled: bool = False) -> Path:
    """A TIFF of 200 bytes: one strip, or one deflated tile, of `side` x `side` pixels."""
    place = [(322, side), (323, side), (324, 8), (325, 64)] if tiled else [(273, 8), (278, side), (279, 64)]
    image = [(256, side), (257, side), (258, 8), (259, 8 if tiled else 1), (262, 1), (277, bands)]
    tags = sorted(image + place)
    entries = b"".join(struct.pack("<HHII", tag, 4 if value > 65535 else 3, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    path.write_bytes((b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0"))
    return path


def large_png(path: Path, side: int, colour: int = 2, more: bytes = b"") -> Path:
    """A PNG that claims to be large; its pixels end after the first rows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head, pixels = struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0), zlib.compress(bytes(1 << 20))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def bloated_weights(path: Path, entry: str, size: int, used: bool = True) -> Path:
    """A .pth file with an entry of zeros that claims `size` bytes; where it is `used`, it replaces a real one."""
    plain = path.with_suffix(".plain")
    torch.save({"weight": torch.zeros(4)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for one in source.infolist():
            if not (used and one.filename.endswith(entry)):
                target.writestr(one, source.read(one))
        folder = source.namelist()[0].split("/")[0]
        # The header alone claims it: what is behind it is never to be read.
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        content = packed.compress(bytes(1 << 20)) + packed.flush()
        name = f"{folder}/{entry}"
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        target.writestr(info, bytes(1 << 20))
        target.filelist[-1].file_size = size
        target.filelist[-1].compress_size = len(content)
    plain.unlink()
    return path
