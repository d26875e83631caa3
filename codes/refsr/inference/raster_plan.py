"""What restoring a raster takes: grids, tiles, time by one block, memory and disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refsr.core.memory import peak_memory
from refsr.core.progress import NoProgressBar, counted, duration
from refsr.geo.disk_space import size_text
from refsr.geo.raster_source import RasterLike
from refsr.inference.inputs import RestoreOptions
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
        middle = len(job.blocks) // 2
        begun = time.monotonic()
        job.tiles_of(middle, NoProgressBar())
        seconds = (time.monotonic() - begun) * len(job.layout) / len(job.blocks[middle].tiles)
        peak = peak_memory()
        memory = "" if peak is None else f"peak memory so far {size_text(peak)}; "
        lines = [
            *job.lines,
            f"result: {job.info}, {format}, {job.grid}",
            f"{counted(len(job.layout), 'tile')} in {counted(len(job.blocks), 'block')}; "
            f"about {duration(seconds)} on {restorer.device}; "
            f"{memory}up to {size_text(job.disk)} of disk meanwhile",
        ]
        descriptor = descriptor_of(restorer.network)
        near = inexact(descriptor, seen_around(descriptor, job.tile[1])) if len(job.layout) > 1 else ""
        lines += [near] if near else []
        return RasterPlan(lines, seconds, job.disk)
