"""Where the image in a PNG or JPEG file ends: a cut file is refused, bytes behind the end mark are reported."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from refsr.core.errors import DataError
from refsr.data.images.headers import PNG_START
from refsr.data.images.png_inflation import named_chunks

LOG = logging.getLogger(__name__)
# In JPEG's compressed data 0xff is followed by 0x00, by a restart mark, or by fill bytes; else a marker starts.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
END_OF_IMAGE = 0xD9
_noticed: set[Path] = set()


def check_end(file: Path, kind: str, data: memoryview) -> None:
    """Refuses a file without an end mark; says once in each process what lies behind it."""
    end = png_end(data) if kind == "png" else jpeg_end(data)
    if end is None:
        raise DataError(f"{file}: the file is cut short")
    if end < len(data) and file not in _noticed:
        _noticed.add(file)
        LOG.warning("%s: %s bytes behind the end of the image are not read", file, len(data) - end)


def png_end(data: memoryview) -> int | None:
    """Walks the chunks."""
    end = PNG_START
    for name, chunk in named_chunks(data):
        end += len(chunk)
        if name == b"IEND":
            return end if len(chunk) == 12 else None
    return None


def jpeg_end(data: memoryview) -> int | None:
    """Walks the segments, and what is compressed between them."""
    at = 2
    while found := MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == END_OF_IMAGE:
            return at
        at += int.from_bytes(data[at : at + 2], "big")
    return None
