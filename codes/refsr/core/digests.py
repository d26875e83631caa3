"""Fingerprints of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 1 << 20


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, read in blocks."""
    running = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(BLOCK):
            running.update(block)
    return running.hexdigest()
