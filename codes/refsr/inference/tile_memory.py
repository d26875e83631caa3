"""The side of tiles that a device's memory allows, from what a small tile needs.

What a tile sees beyond what is kept of it is computed more than once, so larger tiles are faster: for a halo of 22 and
tiles that see 160 pixels a pixel is computed 3.4 times on average, for tiles that see 400 it is 1.5 times.
"""

from __future__ import annotations

import itertools
import math
import os
import weakref
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from refsr.core.memory import memory_limit
from refsr.inference.tile_layout import AUTOMATIC_SIDE, MARGIN
from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.tasks.base import Batch, Restore

PROBE = 48
"""Side in LR pixels of the tile whose memory is measured."""
SIDES = (AUTOMATIC_SIDE, 960, 1280, 1920, 2560)
"""Sides that tiles may see, in HR pixels: few, so that equal machines take equal tiles."""
WORTH = 0.9
"""Of the work that smaller tiles are: a larger tile that saves less takes memory for nothing."""
SHARE = 0.25
"""Of all memory of the device, for a tile."""
SHARE_OF_FREE = 0.7
MOST_OF_SYSTEM = 2e9
"""Bytes of tensors for a tile on a CPU, where the system clears each page of memory that is new: larger tiles cost more
than what they save."""


def affordable_side(network: nn.Module, restore: Restore, device: torch.device) -> int:
    """HR pixels along the side of tiles: of SIDES, while memory allows it and work is saved; results do not change."""
    descriptor = descriptor_of(network)
    if descriptor.side is not None or descriptor.halo is None:
        # Tiles of these change the result, which must not depend on the machine.
        return AUTOMATIC_SIDE
    total, free = _memory(device)
    budget = min(SHARE * total, SHARE_OF_FREE * free, math.inf if device.type == "cuda" else MOST_OF_SYSTEM)
    each = _bytes_per_pixel(network, descriptor, restore, device) / descriptor.scale**2
    for side, larger in itertools.pairwise(SIDES):
        if larger * larger * each > budget or _work(descriptor, larger) > WORTH * _work(descriptor, side):
            return side
    return SIDES[-1]


def _work(descriptor: Descriptor, side: int) -> float:
    """How often a pixel is computed in tiles that see `side` HR pixels."""
    seen = side / descriptor.scale
    kept = seen - 2 * ((descriptor.halo or 0) + MARGIN)
    return (seen / kept) ** 2 if kept > 0 else math.inf


def _bytes_per_pixel(network: nn.Module, descriptor: Descriptor, restore: Restore, device: torch.device) -> float:
    """Most bytes alive at once while a tile is restored, for each of its LR pixels."""
    side = -(-PROBE // descriptor.multiple) * descriptor.multiple
    batch = _probe(descriptor, side, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before: int = torch.cuda.memory_allocated(device)
        with torch.inference_mode():
            restore(network, batch)
        peak: int = torch.cuda.max_memory_allocated(device)
        return (peak - before) / side**2
    live = LiveBytes()
    with torch.inference_mode(), live:
        restore(network, batch)
    return live.peak / side**2


def _probe(descriptor: Descriptor, side: int, device: torch.device) -> Batch:
    """Members of a tile of grey."""
    planes = {"mask": 1, "ref_weight": 1, "hsi": descriptor.hsi_bands}
    batch = {}
    for name in {"lr", *descriptor.inputs}:
        length: int = side if name in ("lr", "hsi") else side * descriptor.scale
        batch[name] = torch.full((1, planes.get(name, descriptor.channels), length, length), 0.5, device=device)
    return batch


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that operators make, until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._live: dict[int, int] = {}
        self._total = 0
        self.peak = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False keeps torch from importing its compiler for every mode, which takes 4 seconds; nothing is compiled."""
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._live:
            return
        self._live[key] = storage.nbytes()
        self._total += storage.nbytes()
        self.peak = max(self.peak, self._total)
        weakref.finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self._total -= self._live.pop(key)


def _memory(device: torch.device) -> tuple[float, float]:
    """All bytes of a device's memory, and those that are free."""
    if device.type == "cuda":
        free, everything = torch.cuda.mem_get_info(device)
        return float(everything), float(free)
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(total, _limit()), min(_available(total), _limit())


def _available(total: float) -> float:
    """Bytes that new work may take without swapping; all memory where the system does not say it."""
    try:
        with Path("/proc/meminfo").open() as handle:
            lines = dict(line.split(":") for line in handle)
        return 1024 * float(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return total


def _limit() -> float:
    """Bytes that this process may have: what `ulimit -v` and a container allow."""
    soft = memory_limit()
    limits = [] if soft is None else [float(soft)]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(float(text))
    return min(limits, default=float("inf"))
