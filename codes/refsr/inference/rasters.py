"""Restores rasters of any size on any grids: references are laid on LR's grid, and the result is written by blocks."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import UsageError
from refsr.core.progress import NoProgressBar, PartOf, ProgressBar, ProgressFactory, no_progress
from refsr.core.window import Window
from refsr.data.images import ImageInfo
from refsr.geo.block_cache import bounded_cache
from refsr.geo.data_arrays import data_array, is_data_array
from refsr.geo.grid import Grid
from refsr.geo.raster_sink import FINAL, RasterFormat, RasterProfile, RasterSink, begun_identity, check_disk
from refsr.geo.raster_source import RasterLike
from refsr.geo.validity import marked
from refsr.inference.findings import SceneFindings, result_findings
from refsr.inference.inputs import RestoreOptions
from refsr.inference.provenance import identity, provenance_tags
from refsr.inference.raster_blocks import BlockSink, blocks_of, seen_by
from refsr.inference.raster_finish import RasterFinish, finish_raster, finished_array, raster_finish
from refsr.inference.restorer import Restorer
from refsr.inference.scene import Scene, SceneSource
from refsr.inference.scene_opening import Announce, check_beyond, open_scene
from refsr.inference.tile_layout import Layout, lay_out
from refsr.networks.descriptor import descriptor_of

LOG = logging.getLogger(__name__)

FORMATS: dict[str, RasterFormat] = {".tif": "cog", ".tiff": "cog", ".png": "png", ".zarr": "zarr"}
"""What an output is by its suffix, where nobody asks for a format."""
PNG_TYPES = ("uint8", "uint16")


@dataclass
class RasterReport:
    """What a restored raster is and rests on."""

    info: ImageInfo
    lines: list[str] = field(default_factory=list)
    blocks: int = 0
    restored: int = 0
    """Blocks that this call restored; the others were there."""


@dataclass(frozen=True)
class RasterPlan:
    """What restoring a raster takes."""

    lines: list[str]
    seconds: float
    disk: int
    """Bytes."""


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
    options = _for_output(options, output)
    begun = begun_identity(output).get("tile") if options.tile is None and not overwrite else None
    with _job(restorer, lr, refs, options, announce, begun, progress) as job:
        profile, made_of = job.profile()
        finish, final = job.finish, job.final(profile)
        format = _format(output, options.raster.format, final)
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
    with _job(restorer, lr, refs, options, announce, progress=progress) as job:
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


def plan_raster(
    restorer: Restorer, lr: RasterLike, refs: Sequence[RasterLike], output: Path, options: RestoreOptions
) -> RasterPlan:
    """What `restore_raster` would do, with the time of one block; nothing is written."""
    options = _for_output(options, output)
    with _job(restorer, lr, refs, options, lambda _: None) as job:
        profile, _ = job.profile()
        format = _format(output, options.raster.format, job.final(profile))
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
            f"peak memory so far {_size(_peak_memory())}; up to {_size(job.disk)} of disk meanwhile",
        ]
        return RasterPlan(lines, seconds, job.disk)


@dataclass
class _Job:
    """All that restoring a raster needs, opened and checked."""

    restorer: Restorer
    scene: Scene
    source: SceneSource
    layout: Layout
    tile: tuple[int | None, int]
    options: RestoreOptions
    lines: list[str]
    finish: RasterFinish | None

    @property
    def grid(self) -> Grid:
        """The result's."""
        return self.scene.grid if self.finish is None else self.finish.grid

    @property
    def info(self) -> ImageInfo:
        """What the result is."""
        lr = self.scene.lr
        bands, dtype = (lr.bands, lr.dtype) if self.finish is None else (self.finish.bands, self.finish.dtype)
        return ImageInfo(self.grid.height, self.grid.width, len(bands), str(dtype))

    def final(self, restored: RasterProfile) -> RasterProfile:
        """All of the result but its pixels, by that of the restored bands."""
        return restored if self.finish is None else self.finish.profile(restored, self.scene.lr)

    @property
    def empty(self) -> float | None:
        """The value of pixels without data: LR's own, else NaN where floats have holes."""
        lr = self.scene.lr
        return math.nan if lr.nodata is None and lr.dtype.kind == "f" and lr.may_have_holes else lr.nodata

    def profile(self) -> tuple[RasterProfile, dict[str, Any]]:
        """All of the result but its pixels, and what it is made of."""
        lr, grid = self.scene.lr, self.scene.grid
        grids = [one.grid and list(one.grid.geotransform.transform) for one in (lr, *self.scene.reference_sources)]
        settled = {
            "tile": list(self.tile),
            "grids": grids,
            "finish": None if self.finish is None else self.finish.identity(),
        }
        made_of = identity(self.scene, self.restorer, self.options, settled)
        bands = [lr.all_bands[band - 1] for band in lr.bands]
        place = grid.geotransform if lr.grid is not None else None
        tags = provenance_tags(self.scene, self.restorer, self.options, made_of)
        profile = RasterProfile(
            grid.height, grid.width, str(lr.dtype), bands, place, self.empty, lr.may_have_holes, tags
        )
        return profile, made_of

    @property
    def disk(self) -> int:
        """Bytes for the blocks and for the result that is made of them."""
        grid, lr, info = self.scene.grid, self.scene.lr, self.info
        restored = grid.height * grid.width * len(lr.bands) * lr.dtype.itemsize
        final = info.height * info.width * info.bands * np.dtype(info.dtype).itemsize
        return 2 * final + (0 if self.finish is None else restored)

    def restored(
        self, kept: Window, layout: Layout, bar: ProgressBar
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], dict[str, float]]:
        """(h, w, C) of a block in LR's values, (h, w) where it holds data, and what was found in it."""
        scale = self.restorer.scale
        seen, large = seen_by(layout), kept.times(scale)
        self.source.load(seen, kept)
        valid = self.source.valid[kept.within(seen)].repeat(scale, 0).repeat(scale, 1)
        if not valid.any():
            shape = large.height, large.width, len(self.scene.lr.bands)
            bar.advance(len(layout))
            return np.zeros(shape, self.scene.lr.dtype), valid, self.source.found
        sink = BlockSink(large)
        self.restorer.restore_layout(self.source, layout, sink, self.options, lambda *_: PartOf(bar))
        pixels = self.scene.range.raw(sink.image, str(self.scene.lr.dtype))
        return pixels, valid, self.source.found | result_findings(pixels, valid, scale)


@contextlib.contextmanager
def _job(
    restorer: Restorer,
    lr: RasterLike,
    refs: Sequence[RasterLike],
    options: RestoreOptions,
    announce: Announce,
    begun: tuple[int | None, int] | None = None,
    progress: ProgressFactory = no_progress,
) -> Iterator[_Job]:
    """Opens and checks what restoring a raster needs; `begun` are tile and overlap of a run that is continued."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        announce(line)

    halo = descriptor_of(restorer.network).halo
    scene = open_scene(lr, refs, restorer.channels, restorer.scale, options, say, halo, progress)
    try:
        source = SceneSource(scene, descriptor_of(restorer.network))
        tile, overlap = restorer.tile_for(source.sizes["lr"], options) if begun is None else begun
        layout = lay_out(descriptor_of(restorer.network), source.sizes, tile, overlap)
        finish = raster_finish(scene, options, say)
        _, first = next(blocks_of(layout))
        with bounded_cache(source.reads(seen_by(first).height)):
            yield _Job(restorer, scene, source, layout, (tile, overlap), options, lines, finish)
    finally:
        scene.close()


def _for_output(options: RestoreOptions, output: Path) -> RestoreOptions:
    """The options with what becomes of the other bands decided: PNG has no room for them."""
    if options.raster.other_bands is not None:
        return options
    png = (options.raster.format or FORMATS.get(output.suffix.lower())) == "png"
    return replace(options, raster=replace(options.raster, other_bands="drop" if png else "guided"))


def _format(output: Path, wanted: RasterFormat | None, profile: RasterProfile) -> RasterFormat:
    found = wanted or FORMATS.get(output.suffix.lower())
    if found is None:
        raise UsageError(f"{output}: a raster is written to {', '.join(FORMATS)}, or as --format says")
    if found == "png" and (profile.dtype not in PNG_TYPES or len(profile.bands) not in (1, 3)):
        raise UsageError(f"{output}: PNG holds 1 or 3 bands of 8 or 16 bits; use .tif for {profile.dtype}")
    return found


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


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _peak_memory() -> int:
    """Bytes that this process had at most so far."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
