"""The checksums of a folder's files, as `sha256sum` writes and checks them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from refsr.core.atomic import explain_io, write_bytes
from refsr.core.digests import file_digest
from refsr.core.errors import StoreError
from refsr.core.foreign_files import read_bytes

SUMS = "SHA256SUMS"
MOST_LISTED = 1 << 30
"""Bytes of a list: millions of files."""


class Checksums:
    """The checksums in a folder; every file that is read from there must have its own. Without a list all may pass."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sums = _read(folder / SUMS) if (folder / SUMS).is_file() else None

    @property
    def listed(self) -> bool:
        """Whether there is a list."""
        return self._sums is not None

    def check(self, file: Path) -> None:
        """Raises a StoreError unless the file is as it was when the list was written."""
        if self._sums is None:
            return
        again = f"refsr store digest {self._folder} takes the files as they are now"
        known = self._sums.get(_name(self._folder, file))
        if known is None:
            raise StoreError(f"{file}: is not in {SUMS}; {again}")
        if file_digest(file) != known:
            raise StoreError(f"{file}: the bytes are not those of {SUMS}: damaged or changed; {again}")

    def missing(self) -> list[str]:
        """The listed files that are not there."""
        return [name for name in self._sums or () if not (self._folder / name).is_file()]


def check_listed(file: Path) -> None:
    """Raises a StoreError for a file that the checksums of its folder, where there are any, say otherwise of."""
    Checksums(file.parent).check(file)


def write_checksums(folder: Path, files: Iterable[Path]) -> None:
    """Writes the list of these files, which lie below the folder."""
    with explain_io(folder):
        lines = [_line(_name(folder, file), file_digest(file)) for file in sorted(set(files))]
    write_bytes(folder / SUMS, b"".join(lines))


def _name(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _line(name: str, digest: str) -> bytes:
    """Names with a backslash or a line break are escaped, and the line says so by a backslash at its start."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return os.fsencode(f"{mark}{digest}  {escaped}\n")


def _read(file: Path) -> dict[str, str]:
    found = {}
    for number, line in enumerate(os.fsdecode(read_bytes(file, MOST_LISTED)).rstrip("\n").split("\n"), 1):
        digest, gap, name = line.lstrip("\\").partition("  ")
        if len(digest) != 64 or not gap or not name:
            raise StoreError(f"{file}: line {number} is no checksum and name as sha256sum writes them")
        if line.startswith("\\"):
            name = name.replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
        found[name] = digest
    return found
