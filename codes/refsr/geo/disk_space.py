"""Whether a result can be written where it is to go: a folder, and room on its disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from refsr.core.errors import RefsrError, UsageError


def check_folder(output: Path) -> Path:
    """The folder that exists of those where a result goes; refuses one that nothing can be written to."""
    folder = output.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise UsageError(f"{output}: {folder} is a file; expected a folder")
    if not os.access(folder, os.W_OK):
        raise RefsrError(f"{output}: nothing can be written to {folder.resolve()}; choose another folder")
    return folder


def check_disk(output: Path, needed: int) -> None:
    """Refuses work whose result, with its blocks, has no room where it goes."""
    folder = check_folder(output)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RefsrError(f"{output}: needs {size_text(needed)} at {folder}, {size_text(free)} free")


def size_text(count: float) -> str:
    """Bytes for a person: `1.2 GB`, `340.0 MB`, `12 kB`."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
