"""Files and folders that are either whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from refsr.core.errors import RefsrError
from refsr.core.staging import LOCKED, SUFFIX, left_behind, staged_file, staged_folder


@contextlib.contextmanager
def explain_io(path: Path) -> Iterator[None]:
    """Turns the system's errors about `path` into ours."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise RefsrError(f"{path}: the disk is full; what stood there before is untouched") from error
        raise RefsrError(f"{path}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut, where a folder can be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_file(path: str | Path, mode: str = "wb") -> Iterator[IO[bytes]]:
    """Yields a file that takes the place of `path` when the block ends well, and vanishes when it does not."""
    target = Path(path)
    with explain_io(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, staged = staged_file(target)
        # What is locked is renamed or removed before it is closed: then its lock goes, and another may take it over.
        with os.fdopen(descriptor, mode) as handle:
            try:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
                if not LOCKED:
                    handle.close()
                staged.chmod(0o666 & ~current_umask())
                staged.replace(target)
            except BaseException:
                if not LOCKED:
                    handle.close()
                with contextlib.suppress(OSError):
                    staged.unlink()
                raise
        sync_folder(target.parent)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Puts `content` at `path`, whole or not at all."""
    with atomic_file(path) as handle:
        handle.write(content)


def write_text(path: str | Path, content: str) -> None:
    """Puts `content` at `path` in UTF-8, whole or not at all; of names that are not UTF-8 odd bytes are escaped."""
    write_bytes(path, content.encode(errors="backslashreplace"))


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields a staging folder that becomes `path` when the block ends well; `path` must not exist yet."""
    target = Path(path)
    with explain_io(target):
        if target.exists():
            raise RefsrError(f"{target}: is there already")
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, staged = staged_folder(target)
        try:
            yield staged
            staged.chmod(0o777 & ~current_umask())
            sync_folder(staged)
            staged.rename(target)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        finally:
            if descriptor is not None:
                os.close(descriptor)
        sync_folder(target.parent)


def sweep(folder: Path) -> None:
    """Removes half-written files and folders that a kill left below `folder`, but not what is being written."""
    for left in list(folder.glob(f"**/.*{SUFFIX}")):
        if not left_behind(left):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def current_umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
