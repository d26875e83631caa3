"""LMDB environments, opened once a process and path, and LMDB's errors in our words."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb

from refsr.core.errors import StoreError
from refsr.data.stores.pages import check_pages

DATA_FILE = "data.mdb"
UNFINISHED = "packing did not end; run the same pack command again to complete it"
# LMDB reports a short write as an I/O error; with less than this left, the disk is what failed it.
FULL_DISK = 4 << 20

# Folder: the process that opened it, its environment, and how many stores use it. LMDB must not open one folder twice
# in a process, and an environment that was open before a fork is of no use in the child but to be closed there.
_open: dict[str, tuple[int, Any, int]] = {}


def acquire(path: str) -> Any:
    """A read-only environment for the real path `path`, shared with every other store of this process."""
    process, environment, users = _open.get(path, (os.getpid(), None, 0))
    if process != os.getpid():
        environment.close()
        environment, users = None, 0
    if environment is None:
        if (Path(path) / DATA_FILE).stat().st_size == 0:
            raise StoreError(f"{path}: {UNFINISHED}")
        check_pages(Path(path) / DATA_FILE)
        # Without lock, read-ahead and zeroing: many workers read small windows of a file that nobody writes.
        environment = lmdb.open(path, readonly=True, lock=False, readahead=False, meminit=False)
    _open[path] = (os.getpid(), environment, users + 1)
    return environment


def release(path: str) -> None:
    """Gives one use back; the last one closes the environment."""
    process, environment, users = _open.pop(path, (0, None, 0))
    if process != os.getpid():
        return
    if users > 1:
        _open[path] = (process, environment, users - 1)
    else:
        environment.close()


def close_readers(path: str) -> None:
    """Closes this process's readers of a store that is about to be written; they open again when next used."""
    _, environment, _ = _open.pop(path, (0, None, 0))
    if environment is not None:
        environment.close()


@contextlib.contextmanager
def explain_lmdb(path: Path) -> Iterator[None]:
    """Turns LMDB's errors about `path` into ours."""
    try:
        yield
    except (lmdb.Error, OSError) as error:
        full = any(words in str(error) for words in ("No space left", "File too large"))
        if full or (path.exists() and shutil.disk_usage(path).free < FULL_DISK):
            raise StoreError(f"{path}: the disk is full; what was stored before is untouched") from error
        raise StoreError(f"{path}: LMDB cannot use this: {error}") from error


class LazyEnvironment:
    """The environment of one store: opened at first use in each process, never carried over a fork or a pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = os.path.realpath(path)
        self._environment: Any = None

    def get(self) -> Any:
        entry = _open.get(self._real)
        if entry is None or entry[0] != os.getpid() or entry[1] is not self._environment:
            self._environment = acquire(self._real)
        return self._environment

    def close(self) -> None:
        if self._environment is not None:
            release(self._real)
        self._environment = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_real": self._real, "_environment": None}
