"""Restores rasters of any size on any grids: references are laid on LR's grid, and the result is written by blocks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.data.images import ImageInfo
from refsr.geo.data_arrays import data_array, is_data_array
from refsr.geo.raster_source import RasterLike
from refsr.geo.validity import marked
from refsr.inference.findings import SceneFindings
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_finish import finished_array
from refsr.inference.raster_job import raster_job
from refsr.inference.raster_run import raster_run, said_on_interrupt
from refsr.inference.restorer import Restorer
from refsr.inference.scene_opening import check_beyond

LOG = logging.getLogger(__name__)


@dataclass
class RasterReport:
    """What a restored raster is and rests on."""

    info: ImageInfo
    lines: list[str] = field(default_factory=list)
    blocks: int = 0
    restored: int = 0
    """Blocks that this call restored; the others were there."""


def restore_raster(
    restorer: Restorer,
    lr: RasterLike,
    refs: Sequence[RasterLike],
    output: Path,
    options: RestoreOptions,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
    announce: Announce = LOG.info,
    evidence: Path | None = None,
) -> RasterReport:
    """Restores LR with its references, those named first preferred, to `output`; an interrupted call is completed.

    With `evidence`, the planes of evidence go to that file, which is complete before the result is. Peak memory is that
    of a block and a tile and, where tiles fade into one another, of what waits for its block, which is bounded.
    """
    with raster_run(restorer, lr, refs, output, options, announce, overwrite, progress, evidence) as run:
        missing, total = run.missing(), len(run.blocks)
        with said_on_interrupt(output, total - len(missing), total) as count:
            tiles = run.tiles(range(total))
            with progress("restoring", tiles) as bar:
                bar.skip(tiles - run.tiles(missing))
                for number in missing:
                    run.restore(number, bar)
                    count()
            lines = run.findings().lines(run.job.scene.references is not None)
            for line in lines:
                announce(line)
            run.finish(progress)
        return RasterReport(run.job.info, [*run.job.lines, *lines], total, len(missing))


def restore_to_memory(
    restorer: Restorer,
    lr: RasterLike,
    refs: Sequence[RasterLike],
    options: RestoreOptions,
    progress: ProgressFactory = no_progress,
    announce: Announce = LOG.info,
) -> Any:
    """The restored raster as an array (s*h, s*w, C), or as a DataArray on its grid where LR is one."""
    with raster_job(restorer, lr, refs, options, announce, progress=progress) as job:
        shape = job.scene.grid.height, job.scene.grid.width
        pixels = np.zeros((*shape, len(job.scene.lr.bands)), job.scene.lr.dtype)
        known = np.zeros(shape, bool)
        found = []
        with progress("restoring", len(job.layout)) as bar:
            for number, one in enumerate(job.blocks):
                window = one.kept.times(restorer.scale)
                block, valid, findings, _ = job.restored(number, bar)
                place = np.s_[window.top : window.bottom, window.left : window.right]
                pixels[place], known[place] = marked(block, valid, job.empty), valid
                found.append(findings)
        total = SceneFindings(found, job.scene.range)
        check_beyond(job.scene.lr.name, total.beyond, options)
        for line in total.lines(job.scene.references is not None):
            announce(line)
        if job.finish is not None:
            pixels = finished_array(job.finish, pixels, known, job.empty)
        return data_array(pixels, job.grid, job.empty, like=lr) if is_data_array(lr) else pixels
