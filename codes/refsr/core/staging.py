"""Hidden files and folders beside a target, in which it is written before it takes its name.

A process that is killed leaves one behind. It has always the same name, so that whoever writes the target next takes it
over; a lock, which goes with its process, keeps out of what another process is still writing. Where open files can
neither be locked nor renamed (Windows), each has a name of its own, and a kill leaves it beside the target.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".part"
LOCKED = fcntl is not None
"""Whether what is staged is locked as long as it is open."""


def staged_file(target: Path) -> tuple[int, Path]:
    """An empty file, open for writing, and its path."""
    own = _own(target)
    if LOCKED:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        # Whatever is in the way; what is wrong with the folder is an error again below.
        with contextlib.suppress(OSError):
            new = True
            try:
                descriptor = os.open(own, flags | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                new = False
                descriptor = os.open(own, flags)
            if _taken(descriptor, own, new):
                os.ftruncate(descriptor, 0)
                return descriptor, own
            os.close(descriptor)
    descriptor, other = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=SUFFIX)
    if LOCKED:
        _taken(descriptor, Path(other), new=True)
    return descriptor, Path(other)


def staged_folder(target: Path) -> tuple[int | None, Path]:
    """An empty folder and its path; where it is locked, it is open until what comes with it is closed."""
    own = _own(target)
    if LOCKED:
        with contextlib.suppress(OSError):
            new = not own.exists()
            own.mkdir(0o700, exist_ok=True)
            descriptor = _opened(own)
            if _taken(descriptor, own, new):
                for left in own.iterdir():
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
                return descriptor, own
            os.close(descriptor)
    other = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=SUFFIX))
    if not LOCKED:
        return None, other
    descriptor = _opened(other)
    _taken(descriptor, other, new=True)
    return descriptor, other


def left_behind(staged: Path) -> bool:
    """Whether nobody writes to a staged file or folder any more, as far as locks can say."""
    if not LOCKED:
        return True
    try:
        descriptor = os.open(staged, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _taken(descriptor, staged, new=True)
    finally:
        os.close(descriptor)


def _own(target: Path) -> Path:
    return target.with_name(f".{target.name}{SUFFIX}")


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _taken(descriptor: int, path: Path, new: bool) -> bool:
    """Whether what is open is this user's, still has its name, and nobody else writes to it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # No locks on this file system: what others have made cannot be told from what is left.
        return new
    found, there = os.fstat(descriptor), path.stat(follow_symlinks=False)
    return found.st_uid == os.geteuid() and (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino)
