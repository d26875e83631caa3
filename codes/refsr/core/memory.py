"""How the process keeps its memory."""

from __future__ import annotations

import ctypes
import sys

# glibc's mallopt parameters, and a size that no image or activation of ours reaches.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Lets freed memory be used again instead of going back to the system; True where the C library can.

    Batches of floats are large, so glibc maps each anew and the system clears its pages: three quarters of the time
    of turning bytes into floats on a CPU. The peak does not change, only memory between peaks stays taken.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, LARGE) and mallopt(M_TRIM_THRESHOLD, LARGE))
