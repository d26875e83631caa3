"""Clocks and memory for benchmarks; a GPU has finished its work before its clock is read."""

from __future__ import annotations

import resource
import time

import torch


def wall(cuda: bool) -> float:
    """Seconds on the clock."""
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def processor(cuda: bool) -> float:
    """A GPU's clock; on a CPU the time that this process had of it, which other work on the machine changes less."""
    return wall(cuda) if cuda else time.process_time()


def peak(cuda: bool) -> float:
    """The most memory so far, in MiB."""
    if cuda:
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
