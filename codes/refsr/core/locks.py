"""A lock file that one process holds; it is free again when the process ends, however it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from refsr.core.errors import RefsrError


@contextlib.contextmanager
def held(lock: Path, busy: RefsrError, patience: float = 0.0) -> Iterator[None]:
    """Holds the file `lock` while the block runs; raises `busy` where another process holds it for so many seconds."""
    try:
        with FileLock(lock, timeout=patience, thread_local=False):
            yield
    except Timeout:
        raise busy from None
