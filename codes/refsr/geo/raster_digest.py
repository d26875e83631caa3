"""What a raster holds, as one number: another number means that another raster lies under the same name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from refsr.core.atomic import explain_io
from refsr.geo.raster_source import RasterSource, spread_windows

WHOLE = 2**30
"""Bytes of a file up to which all of it is read; of a larger one its size, its time and PARTS of PART bytes count."""
PART, PARTS = 2**20, 64
WINDOWS, SIDE = 4, 64
"""Windows a side, and their side in pixels, that stand for a raster without local files."""
_KNOWN: WeakKeyDictionary[RasterSource, str] = WeakKeyDictionary()


def raster_digest(source: RasterSource) -> str:
    """SHA-256 of the local files that a raster is made of; without any, of its header and windows spread over it.

    It is computed once for each open raster.
    """
    if source not in _KNOWN:
        _KNOWN[source] = _digest(source)
    return _KNOWN[source]


def _digest(source: RasterSource) -> str:
    running = hashlib.sha256()
    files = source.files
    for file in files:
        _update(running, file)
    if not files:
        running.update(source.header.encode())
        for window in spread_windows(source.height, source.width, WINDOWS, SIDE):
            pixels, valid = source.read(window)
            running.update(pixels.tobytes() + valid.tobytes())
    return running.hexdigest()


def _update(running: Any, file: Path) -> None:
    with explain_io(file), file.open("rb") as handle:
        about = file.stat()
        if about.st_size <= WHOLE:
            while part := handle.read(PART):
                running.update(part)
            return
        running.update(f"{about.st_size} {about.st_mtime_ns}".encode())
        for number in range(PARTS):
            handle.seek((about.st_size - PART) * number // (PARTS - 1))
            running.update(handle.read(PART))
