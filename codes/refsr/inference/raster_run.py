"""A raster on its way to a file: which of its blocks are there, the others restored, and the result made of all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from refsr.core.errors import UsageError
from refsr.core.progress import Announce, ProgressBar, ProgressFactory, no_progress
from refsr.core.window import Window
from refsr.geo.disk_space import check_disk, check_folder
from refsr.geo.raster_sink import (
    FINAL,
    RasterFormat,
    RasterProfile,
    RasterSink,
    begun_identity,
    blocks_folder,
    is_begun,
)
from refsr.geo.raster_source import RasterLike
from refsr.inference.findings import SceneFindings
from refsr.inference.inputs import RestoreOptions
from refsr.inference.kept_registrations import KeptRegistrations
from refsr.inference.raster_blocks import Blocks
from refsr.inference.raster_evidence import EvidenceRaster
from refsr.inference.raster_finish import finish_raster
from refsr.inference.raster_job import RasterJob, for_output, output_format, raster_job
from refsr.inference.restorer import Restorer
from refsr.inference.scene_opening import check_beyond


@dataclass
class RasterRun:
    """A raster that is being restored to a file by this process, and perhaps by others at once.

    Whoever opens the same raster with the same options finds the same blocks under the same numbers. A block is whole
    or not there, and has the same bytes whoever made it; one process makes the result when all are there.
    """

    job: RasterJob
    output: Path
    overwrite: bool
    sink: RasterSink
    """Of the restored bands."""
    final: RasterSink
    """Of the result; where that is of the restored bands alone, the same."""
    evidence: EvidenceRaster | None

    @property
    def blocks(self) -> Blocks:
        return self.job.blocks

    @property
    def windows(self) -> list[Window]:
        """Of each block, in the restored raster."""
        return [block.kept.times(self.job.restorer.scale) for block in self.blocks]

    def missing(self) -> list[int]:
        """The numbers of the blocks that are not there."""
        return [number for number, window in enumerate(self.windows) if not self.sink.has(window)]

    def tiles(self, numbers: Sequence[int]) -> int:
        """How many tiles some blocks have."""
        return sum(len(self.blocks[number].tiles) for number in numbers)

    def restore(self, number: int, bar: ProgressBar) -> None:
        """Restores a block; its evidence is there before it is."""
        window = self.blocks[number].kept.times(self.job.restorer.scale)
        block = self.job.restored(number, bar)
        if self.evidence is not None:
            self.evidence.sink.write(window, block.evidence, block.valid)
        self.sink.write(window, block.pixels, block.valid, block.findings)

    def findings(self) -> SceneFindings:
        """What was found in all blocks; an error where too many values lie beyond a declared range."""
        found = SceneFindings(self.sink.findings(self.windows), self.job.scene.range)
        check_beyond(self.job.scene.lr.name, found.beyond, self.job.options)
        return found

    def finish(self, progress: ProgressFactory = no_progress) -> None:
        """Makes the result of its blocks, after the raster of evidence, and removes them."""
        if self.evidence is not None:
            self.evidence.finish(self.windows, self.overwrite, progress)
        if self.job.finish is None:
            self.sink.finish(self.windows)
        else:
            finish_raster(self.job.finish, self.sink, self.windows, self.final, self.overwrite, progress)


@contextlib.contextmanager
def raster_run(
    restorer: Restorer,
    lr: RasterLike,
    refs: Sequence[RasterLike],
    output: Path,
    options: RestoreOptions,
    announce: Announce,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
    evidence: Path | None = None,
) -> Iterator[RasterRun]:
    """Opens a raster, and takes over the blocks and registrations that an earlier or another call has made for it."""
    # A run that was stopped may have left its evidence, which is in place before the result is.
    for target in [output] if evidence is None or is_begun(output) else [output, evidence]:
        if target.exists() and not overwrite:
            raise UsageError(f"{target}: is there already (--overwrite replaces it)")
    check_folder(output)
    options = for_output(replace(options, evidence=evidence is not None), output)
    begun = begun_identity(output).get("tile") if options.tile is None and not overwrite else None
    registrations = KeptRegistrations(blocks_folder(output))
    with raster_job(restorer, lr, refs, options, announce, begun, progress, registrations) as job:
        profile, made_of = job.profile()
        final: RasterProfile = job.final(profile)
        format: RasterFormat = output_format(output, options.raster.format, final)
        sink = RasterSink(output, profile, made_of, format)
        last = sink if job.finish is None else RasterSink(output, final, made_of, format, FINAL)
        check_disk(output, job.disk)
        sink.open(overwrite)
        registrations.write(sink.folder)
        run = RasterRun(job, output, overwrite, sink, last, None)
        # Evidence is in place before the result is: where all blocks are there, an earlier call has made it.
        if evidence is not None and (overwrite or not evidence.exists() or run.missing()):
            run.evidence = EvidenceRaster(job, evidence, profile, made_of)
            run.evidence.open(overwrite)
        yield run


@contextlib.contextmanager
def said_on_interrupt(output: Path, done: int, total: int) -> Iterator[Callable[[], None]]:
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
