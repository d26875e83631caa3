"""The gate that every file from outside passes before it is decoded.

It asks what lies at a path, how large it is, and what it would become: a few bytes may stand for a device that never
ends, for gigabytes of zeros or for an image of a billion pixels. Readers of windows ask for each window, so that large
scenes pass.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError, UsageError, suggestion

OPTION, VARIABLE = "--max-pixels", "REFSR_MAX_PIXELS"
MOST_PIXELS = 1 << 28
"""Of up to FEW_BANDS bands that are decoded at once, where nobody asks for more."""
FEW_BANDS = 4
MOST_BANDS = 4096
MOST_TEXT = 16 << 20
"""Bytes of a list, header or record."""
MOST_EXPANSION = 20
"""Times its size that an archive may unfold to: weights and code have factors below 10."""
SMALL = 64 << 20
"""Bytes that any archive may unfold to."""
BROKEN_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, UnicodeDecodeError
)  # fmt: skip
"""What is raised where an archive is damaged: also a place before the file's beginning, a password, a name of noise."""
KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def require_file(path: Path, like: str = "*") -> int:
    """The size of a regular file; a DataError says what else is there, or which file `like` the pattern is near."""
    if what := other_than_file(path):
        raise DataError(f"{path}: is {what}, expected a file")
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path}: no such file{suggestion(path.name, _names(path.parent, like))}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def other_than_file(path: Path) -> str | None:
    """What lies at a path, such as `a FIFO`, where that is no regular file."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        return "a loop of symbolic links" if getattr(error, "errno", None) == errno.ELOOP else None
    return next((words for is_kind, words in KINDS.items() if is_kind(mode)), None)


def resolved(path: Path) -> Path:
    """The path without symbolic links; a DataError for those that lead nowhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: a loop of symbolic links") from error


def read_bytes(path: Path, most: int = MOST_TEXT, like: str = "*") -> bytes:
    """The content of a regular file of at most so many bytes."""
    size = require_file(path, like)
    if size > most:
        raise DataError(f"{path}: has {size:,} bytes; a file of its kind has at most {most:,}")
    try:
        with path.open("rb") as handle:
            # Files that the system makes up have no size of their own.
            return handle.read(most)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """A text in UTF-8, with a byte order mark or without."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text in UTF-8: {error}") from error


def parse_json(text: str | bytes, name: object, what: str = "JSON") -> Any:
    """What a text in JSON says; a DataError begins with `name`, and says what is expected."""
    try:
        return json.loads(text)
    except RecursionError:
        raise DataError(f"{name}: its {what} is nested too deep") from None
    except ValueError as error:
        raise DataError(f"{name}: is no {what}: {error}") from error


def read_record(path: Path, what: str = "JSON") -> Any:
    """What a file in JSON says, read whole: one of our own records, which something else may have written to since."""
    return parse_json(read_text(path), path, what)


def allow_pixels(count: int) -> None:
    """Sets the limit of this process and of those that it starts."""
    if count < 1:
        raise UsageError(f"{OPTION} {count}: expected 1 or more")
    os.environ[VARIABLE] = str(count)


def max_pixels() -> int:
    """How many pixels may be decoded at once."""
    given = os.environ.get(VARIABLE)
    if not given:
        return MOST_PIXELS
    if not given.isdecimal():
        raise UsageError(f"{VARIABLE}={given}: expected a whole number")
    return int(given)


def require_pixels(name: object, height: int, width: int, bands: int = 1, what: str = "") -> None:
    """A DataError where an image, or the part `what` of it, is too large to be decoded at once."""
    if bands > MOST_BANDS:
        raise DataError(f"{name}: {bands} bands, at most {MOST_BANDS} are supported")
    pixels, most = height * width, max_pixels()
    count = -(-pixels * max(bands, FEW_BANDS) // FEW_BANDS)
    if count > most:
        size = f"{height}x{width}" + (f" with {bands} bands, as much as" if bands > FEW_BANDS else ",")
        raise DataError(
            f"{name}: {what}{size} {count:,} pixels; at most {most:,} are decoded at once ({OPTION} {count} allows it)"
        )


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive whose entries unfold to no more than MOST_EXPANSION times its size."""
    size = require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            require_expansion(path, size, sum(entry.file_size for entry in archive.infolist()))
            yield archive
    except BROKEN_ARCHIVE as error:
        raise DataError(f"{path}: cannot be read as an archive: {error}") from error


def require_expansion(name: object, packed: int, unfolded: int) -> None:
    """A DataError where `packed` bytes would become suspiciously many."""
    if unfolded > max(SMALL, MOST_EXPANSION * packed):
        raise DataError(
            f"{name}: {packed:,} bytes would unfold to {unfolded:,}; at most {MOST_EXPANSION} times as many are read"
        )


def _names(folder: Path, like: str) -> list[str]:
    try:
        return [other.name for other in folder.glob(like)]
    except OSError:
        return []
