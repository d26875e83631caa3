"""Clocks and memory for benchmarks; a GPU has finished its work before its clock is read."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import torch


def wall(cuda: bool) -> float:
    """Seconds on the clock."""
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def processor(cuda: bool) -> float:
    """A GPU's clock; on a CPU the time that this process had of it, which other work on the machine changes less."""
    return wall(cuda) if cuda else time.process_time()


def forget_peak(cuda: bool) -> None:
    """Lets the peak begin anew at what is in use now."""
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def peak(cuda: bool) -> float:
    """The most memory since the start, or since the peak was forgotten, in MiB."""
    if cuda:
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
