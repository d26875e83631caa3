"""How the process keeps its memory, how much it had, and how it is told that there is none left."""

from __future__ import annotations

import ctypes
import sys

# glibc's mallopt parameters, and a size that no image or activation of ours reaches.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 30
NONE_LEFT = (
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate memory",
    "insufficient memory",
    "failed to map segment",
    "can't start new thread",
)
"""In messages of torch, onnxruntime, OpenCV, the system, its linker and Python."""


def keep_freed_memory() -> bool:
    """Lets freed memory be used again instead of going back to the system; True where the C library can.

    Batches of floats are large, so glibc maps each anew and the system clears its pages: three quarters of the time
    of turning bytes into floats on a CPU. The peak does not change, only memory between peaks stays taken.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, LARGE) and mallopt(M_TRIM_THRESHOLD, LARGE))


def peak_memory() -> int | None:
    """Bytes that this process had at most so far; None where the system does not count them (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def memory_limit() -> int | None:
    """Bytes of addresses that `ulimit -v` leaves this process; None where it has no limit."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any library says that memory, or what threads are made of, is used up."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(words in text for words in NONE_LEFT)
