"""A lock file that one process holds; it is free again when the process ends, however it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from refsr.core.errors import RefsrError


@contextlib.contextmanager
def held(lock: Path, busy: RefsrError) -> Iterator[None]:
    """Holds the file `lock` while the block runs; raises `busy` where another process holds it."""
    try:
        with FileLock(lock, timeout=0, thread_local=False):
            yield
    except Timeout:
        raise busy from None
