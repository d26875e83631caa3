"""What restoring a raster takes: grids, tiles, time by one block, memory and disk."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refsr.core.progress import NoProgressBar
from refsr.geo.raster_sink import size_text
from refsr.geo.raster_source import RasterLike
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_blocks import blocks_of
from refsr.inference.raster_job import for_output, output_format, raster_job
from refsr.inference.restorer import Restorer
from refsr.inference.tile_layout import inexact, seen_around
from refsr.networks.descriptor import descriptor_of


@dataclass(frozen=True)
class RasterPlan:
    """What restoring a raster takes."""

    lines: list[str]
    seconds: float
    disk: int
    """Bytes."""


def plan_raster(
    restorer: Restorer, lr: RasterLike, refs: Sequence[RasterLike], output: Path, options: RestoreOptions
) -> RasterPlan:
    """What `restore_raster` would do, with the time of one block; nothing is written."""
    options = for_output(options, output)
    with raster_job(restorer, lr, refs, options, lambda _: None) as job:
        profile, _ = job.profile()
        format = output_format(output, options.raster.format, job.final(profile))
        blocks = list(blocks_of(job.layout))
        kept, part = blocks[len(blocks) // 2]
        begun = time.monotonic()
        job.restored(kept, part, NoProgressBar())
        seconds = (time.monotonic() - begun) * sum(block.height * block.width for block, _ in blocks)
        seconds /= kept.height * kept.width
        lines = [
            *job.lines,
            f"result: {job.info}, {format}, {job.grid}",
            f"{_counted(len(job.layout), 'tile')} in {_counted(len(blocks), 'block')}; "
            f"about {_duration(seconds)} on {restorer.device}; "
            f"peak memory so far {size_text(_peak_memory())}; up to {size_text(job.disk)} of disk meanwhile",
        ]
        descriptor = descriptor_of(restorer.network)
        near = inexact(descriptor, seen_around(descriptor, job.tile[1])) if len(job.layout) > 1 else ""
        lines += [near] if near else []
        return RasterPlan(lines, seconds, job.disk)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _peak_memory() -> int:
    """Bytes that this process had at most so far."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
