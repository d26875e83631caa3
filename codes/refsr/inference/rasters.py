"""Restores rasters of any size on any grids: references are laid on LR's grid, and the result is written by blocks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import UsageError
from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.data.images import ImageInfo
from refsr.geo.data_arrays import data_array, is_data_array
from refsr.geo.raster_sink import FINAL, RasterSink, begun_identity, check_disk, check_folder
from refsr.geo.raster_source import RasterLike
from refsr.geo.validity import marked
from refsr.inference.findings import SceneFindings
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_blocks import blocks_of
from refsr.inference.raster_finish import finish_raster, finished_array
from refsr.inference.raster_job import for_output, output_format, raster_job
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
) -> RasterReport:
    """Restores LR with its references, those named first preferred, to `output`; an interrupted call is completed.

    Peak memory is that of a block and a tile, whatever the size of the scene.
    """
    if output.exists() and not overwrite:
        raise UsageError(f"{output}: is there already (--overwrite replaces it)")
    check_folder(output)
    options = for_output(options, output)
    begun = begun_identity(output).get("tile") if options.tile is None and not overwrite else None
    with raster_job(restorer, lr, refs, options, announce, begun, progress) as job:
        profile, made_of = job.profile()
        finish, final = job.finish, job.final(profile)
        format = output_format(output, options.raster.format, final)
        sink = RasterSink(output, profile, made_of, format)
        check_disk(output, job.disk)
        sink.open(overwrite)
        blocks = list(blocks_of(job.layout))
        windows = [kept.times(restorer.scale) for kept, _ in blocks]
        missing = [(window, *block) for window, block in zip(windows, blocks, strict=True) if not sink.has(window)]
        done = len(blocks) - len(missing)
        with _said_on_interrupt(output, done, len(blocks)) as count:
            tiles = sum(len(part) for _, part in blocks)
            with progress("restoring", tiles) as bar:
                bar.skip(tiles - sum(len(part) for _, _, part in missing))
                for window, kept, part in missing:
                    sink.write(window, *job.restored(kept, part, bar))
                    count()
            findings = SceneFindings(sink.findings(windows), job.scene.range)
            check_beyond(job.scene.lr.name, findings.beyond, options)
            lines = findings.lines(job.scene.references is not None)
            for line in lines:
                announce(line)
            if finish is None:
                sink.finish(windows)
            else:
                finish_raster(
                    finish, sink, windows, RasterSink(output, final, made_of, format, FINAL), overwrite, progress
                )
        return RasterReport(job.info, [*job.lines, *lines], len(blocks), len(missing))


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
        blocks = list(blocks_of(job.layout))
        found = []
        with progress("restoring", sum(len(part) for _, part in blocks)) as bar:
            for kept, part in blocks:
                window = kept.times(restorer.scale)
                block, valid, findings = job.restored(kept, part, bar)
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


@contextlib.contextmanager
def _said_on_interrupt(output: Path, done: int, total: int) -> Iterator[Any]:
    """Counts blocks; an interrupt says how many are done and that the same command goes on."""

    def count() -> None:
        nonlocal done
        done += 1

    try:
        yield count
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{output}: {done} of {total} blocks are done; the same command continues with the others"
        ) from None
