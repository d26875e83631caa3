"""Published tile scans: tiles of one size in steps across an image, each pasted over those before it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from refsr.core.errors import UsageError, suggestion
from refsr.inference.tile_layout import Layout, Sizes, Span
from refsr.networks.descriptor import Descriptor

PUBLISHED_SIDE = 256
"""High-resolution pixels of a published tile."""


@dataclass(frozen=True)
class ScanRule:
    """How tiles follow one another along a side, in low-resolution pixels."""

    shared: int
    """How many pixels a tile shares with the next."""
    dropped: int
    """How many are not pasted at each side that is not the image's."""


SCANS: dict[str, ScanRule] = {"tsfnet-test": ScanRule(2, 1), "tsfnet-val": ScanRule(0, 0)}


def scanned(descriptor: Descriptor, sizes: Sizes, tile: int | None, scan: str) -> Layout:
    """The tiles of a published scan of `tile` low-resolution pixels; None: as published, 256 pixels of the result."""
    if scan not in SCANS:
        raise UsageError(f"tiling {scan!r} is not known{suggestion(scan, SCANS)} (known: {', '.join(SCANS)})")
    side = tile or max(1, PUBLISHED_SIDE // descriptor.scale)
    height, width = sizes["lr"]
    if min(height, width) < side:
        raise UsageError(
            f"val.tiling {scan}: an LR image of {height} x {width} is smaller than its tiles of {side}; "
            f"val.tile: {min(height, width)} would fit"
        )
    if side <= 2 * SCANS[scan].dropped and side < max(height, width):
        raise UsageError(f"val.tiling {scan}: tiles of {side} lose all they have; val.tile: 3 or more")
    return Layout(*(_spans(length, side, scan) for length in (height, width)))


def origins(length: int, side: int, scan: str) -> list[int]:
    """Where the tiles of a scan begin; one that would pass the edge is moved back, even onto the one before."""
    return [min(start, length - side) for start in range(0, length, max(1, side - SCANS[scan].shared))]


def _spans(length: int, side: int, scan: str) -> list[Span]:
    """What remains of each tile when all are pasted: it ends where the next one's pasted part begins."""
    dropped = SCANS[scan].dropped
    starts = list(dict.fromkeys(origins(length, side, scan)))
    edges = [*(start + dropped if start else 0 for start in starts), length]
    return [Span((start, start + side), kept) for start, kept in zip(starts, itertools.pairwise(edges), strict=True)]
