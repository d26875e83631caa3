"""A raster to restore, opened and checked: its scene, its tiles, what the result is, and its blocks."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from refsr.core.errors import UsageError
from refsr.core.progress import Announce, NoProgressBar, PartOf, ProgressBar, ProgressFactory, no_progress
from refsr.data.images import ImageInfo
from refsr.geo.block_cache import bounded_cache
from refsr.geo.grid import Grid
from refsr.geo.raster_sink import RasterFormat, RasterProfile
from refsr.geo.raster_source import RasterLike
from refsr.geo.zarr_metadata import one_scale
from refsr.inference.evidence import BESIDE, bands_of
from refsr.inference.findings import evidence_findings, result_findings
from refsr.inference.inputs import RestoreOptions
from refsr.inference.kept_registrations import KeptRegistrations
from refsr.inference.provenance import identity, provenance_tags
from refsr.inference.raster_blocks import Blocks, Piece, Pieces, WaitingPieces, pixels_of
from refsr.inference.raster_finish import RasterFinish, raster_finish
from refsr.inference.restorer import Restorer, in_units
from refsr.inference.scene import Scene, SceneSource
from refsr.inference.scene_opening import open_scene
from refsr.inference.tile_layout import Layout, lay_out

FORMATS: dict[str, RasterFormat] = {".tif": "cog", ".tiff": "cog", ".png": "png", ".zarr": "zarr"}
"""What an output is by its suffix, where nobody asks for a format."""
PNG_TYPES = ("uint8", "uint16")


class RestoredBlock(NamedTuple):
    """A part of the restored raster."""

    pixels: npt.NDArray[Any]
    """(h, w, C) in LR's values."""
    valid: npt.NDArray[np.bool_]
    """(h, w): where it holds data."""
    findings: dict[str, float]
    evidence: npt.NDArray[np.float32]
    """(h, w, planes)."""


@dataclass
class RasterJob:
    """All that restoring a raster needs, opened and checked."""

    restorer: Restorer
    scene: Scene
    source: SceneSource
    layout: Layout
    tile: tuple[int | None, int]
    options: RestoreOptions
    lines: list[str]
    finish: RasterFinish | None
    _waiting: WaitingPieces = field(default_factory=WaitingPieces, init=False, repr=False)

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
    def evidence(self) -> tuple[str, ...]:
        """The names of the planes of evidence that blocks have."""
        return bands_of(self.restorer.trust(self.options)) if self.options.evidence else ()

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
            "trust": self.restorer.trust(self.options).record(),
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

    @functools.cached_property
    def blocks(self) -> Blocks:
        """The parts that are restored one at a time."""
        return Blocks(self.layout)

    def restored(self, number: int, bar: ProgressBar) -> RestoredBlock:
        """A block, read and restored; it is the same whichever blocks were restored before."""
        block, scale = self.blocks[number], self.restorer.scale
        large = block.kept.times(scale)
        waiting = self._waiting.take(number)
        pieces: list[Piece] = []
        for other in block.before:
            pieces += waiting[other] if other in waiting else self._made(other, number, NoProgressBar()).within(large)
        # Last, so that what is known of the loaded block is known of this one.
        own = self._made(number, number, bar)
        valid = self.source.valid[block.kept.within(block.seen)].repeat(scale, 0).repeat(scale, 1)
        if not valid.any():
            shape, bands = (large.height, large.width), len(self.scene.lr.bands)
            nothing = np.zeros((*shape, len(self.evidence)), np.float32)
            return RestoredBlock(np.zeros((*shape, bands), self.scene.lr.dtype), valid, self.source.found, nothing)
        image = pixels_of([*pieces, *own.within(large)], large)
        bands, value_range = self.restorer.channels, self.scene.range
        pixels = value_range.raw(image[:, :, :bands], str(self.scene.lr.dtype))
        evidence = in_units(image[:, :, bands:], value_range.high - value_range.low)
        found = self.source.found | result_findings(pixels, valid, scale)
        if self.evidence:
            found |= evidence_findings(evidence, valid, self.evidence, scale)
        return RestoredBlock(pixels, valid, found, evidence)

    def tiles_of(self, number: int, bar: ProgressBar) -> Pieces:
        """The restored tiles of a block; none where nothing that they are kept for holds data."""
        block = self.blocks[number]
        self.source.load(block.seen, block.kept)
        pieces = Pieces()
        if self.source.valid[block.reach.within(block.seen)].any():
            self.restorer.restore_layout(self.source, block.tiles, pieces, self.options, lambda *_: PartOf(bar))
        else:
            bar.advance(len(block.tiles))
        return pieces

    def _made(self, source: int, number: int, bar: ProgressBar) -> Pieces:
        """The restored tiles of a block; what of them reaches into blocks after a number waits for these."""
        pieces, scale = self.tiles_of(source, bar), self.restorer.scale
        for target in self.blocks.after(source):
            if target > number:
                self._waiting.keep(source, target, pieces.within(self.blocks[target].kept.times(scale)))
        return pieces


@contextlib.contextmanager
def raster_job(
    restorer: Restorer,
    lr: RasterLike,
    refs: Sequence[RasterLike],
    options: RestoreOptions,
    announce: Announce,
    begun: tuple[int | None, int] | None = None,
    progress: ProgressFactory = no_progress,
    registrations: KeptRegistrations | None = None,
) -> Iterator[RasterJob]:
    """Opens and checks what restoring a raster needs; `begun` are tile and overlap of a run that is continued.

    What is in `registrations` is taken from there; what is not is added.
    """
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        announce(line)

    descriptor = restorer.descriptor(options)
    channels, scale, halo = restorer.channels, restorer.scale, descriptor.halo
    scene = open_scene(lr, refs, channels, scale, options, say, halo, progress, registrations)
    try:
        source = SceneSource(scene, descriptor, BESIDE if options.evidence else ())
        tile, overlap = restorer.tile_for(source.sizes["lr"], options) if begun is None else begun
        layout = lay_out(descriptor, source.sizes, tile, overlap)
        finish = raster_finish(scene, options, say)
        job = RasterJob(restorer, scene, source, layout, (tile, overlap), options, lines, finish)
        with bounded_cache(source.reads(job.blocks[0].seen.height)):
            yield job
    finally:
        scene.close()


def for_output(options: RestoreOptions, output: Path) -> RestoreOptions:
    """The options with what becomes of the other bands decided: PNG has no room for them.

    A name that says no format is an error here, before registration has taken its time.
    """
    png = named_format(output, options.raster.format) == "png"
    if options.raster.other_bands is not None:
        return options
    return replace(options, raster=replace(options.raster, other_bands="drop" if png else "guided"))


def named_format(output: Path, wanted: RasterFormat | None) -> RasterFormat:
    """The format that is asked for, or that the name of the output says."""
    found = wanted or FORMATS.get(output.suffix.lower())
    if found is None:
        raise UsageError(f"{output}: a raster is written to {', '.join(FORMATS)}, or as --format says")
    return found


def output_format(output: Path, wanted: RasterFormat | None, profile: RasterProfile) -> RasterFormat:
    """The same, if it holds what is written."""
    found = named_format(output, wanted)
    if found == "png" and (profile.dtype not in PNG_TYPES or len(profile.bands) not in (1, 3)):
        raise UsageError(f"{output}: PNG holds 1 or 3 bands of 8 or 16 bits; use .tif for {profile.dtype}")
    if found == "zarr" and not one_scale(profile.bands):
        raise UsageError(f"{output}: Zarr holds one scale and offset for all bands, and LR's have several; use .tif")
    return found
