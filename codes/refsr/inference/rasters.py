"""Restores rasters of any size on any grids: references are laid on LR's grid, and the result is written by blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from refsr.core.errors import DataError, UsageError
from refsr.core.progress import ProgressFactory, no_progress
from refsr.core.window import Window
from refsr.data.images import file_kind
from refsr.geo.band_choice import choose_bands
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import check_overlap
from refsr.geo.raster import has_rasterio
from refsr.geo.raster_sink import RasterFormat, RasterProfile, RasterSink, check_disk
from refsr.geo.raster_source import RasterSource
from refsr.geo.references import Reference, References
from refsr.geo.value_range import find_range
from refsr.geo.warped import WarpedRaster
from refsr.inference.restorer import Restorer
from refsr.inference.scene import Scene, SceneSource
from refsr.inference.tile_io import TensorSink
from refsr.inference.tile_layout import Layout, automatic_tile_size, lay_out
from refsr.inference.tiling import restore_tiles
from refsr.networks.descriptor import descriptor_of
from refsr.tasks.restore import restore_function

BLOCK = 512
"""Pixels of LR along the side of what is read, derived and written at once, at least."""
ON_GRID = 0.1
"""Pixels of the restored raster: grids that lie nearer than this are the same."""


@dataclass(frozen=True)
class RasterOptions:
    """How rasters are read, restored and written."""

    range: tuple[float, float] | None = None
    range_ref: tuple[float, float] | None = None
    bands: Sequence[int | str] = ()
    bands_ref: Sequence[int | str] = ()
    nodata: float | None = None
    nodata_ref: float | None = None
    as_is: bool = False
    """Whether references are paired with LR pixel by pixel, whatever their grids say."""
    format: RasterFormat = "cog"
    tile: int | None = None
    overlap: int = 0


@dataclass
class RasterReport:
    """What a restored raster rests on, a line each."""

    lines: list[str] = field(default_factory=list)
    blocks: int = 0
    restored: int = 0
    """Blocks that this call restored; the others were there."""


def restore_raster(
    restorer: Restorer,
    lr: str | Path,
    refs: Sequence[str | Path],
    output: Path,
    options: RasterOptions,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
) -> RasterReport:
    """Restores LR with its references, those named first preferred, to `output`; an interrupted call is completed.

    Peak memory is that of a block and a tile, whatever the size of the scene.
    """
    if output.exists() and not overwrite:
        raise UsageError(f"{output}: is there already (--overwrite replaces it)")
    report = RasterReport()
    scene = _opened(restorer, lr, refs, options, report)
    try:
        profile = _profile(scene, restorer)
        source = SceneSource(scene, descriptor_of(restorer.network))
        layout = _layout(restorer, source, options)
        identity: dict[str, Any] = {"lr": str(lr), "references": [str(ref) for ref in refs]}
        identity |= {"options": _plain(options), "model": restorer.card.spec.network}
        identity |= {"size": [profile.height, profile.width]}
        sink = RasterSink(output, profile, identity, options.format)
        check_disk(output, 2 * profile.height * profile.width * len(profile.bands) * np.dtype(profile.dtype).itemsize)
        sink.open(overwrite)
        blocks = list(_blocks(layout))
        windows = [kept.times(restorer.scale) for kept, _ in blocks]
        with progress("restoring", len(blocks)) as bar:
            for (kept, part), window in zip(blocks, windows, strict=True):
                if not sink.has(window):
                    pixels, valid = _restored(restorer, source, kept, part)
                    sink.write(window, scene.range.raw(pixels, profile.dtype), valid)
                    report.restored += 1
                bar.advance()
        sink.finish(windows)
        report.blocks = len(blocks)
        if report.restored == report.blocks:
            # After an interruption only the blocks of this call were read, which says nothing of the scene.
            _findings(source, report)
        return report
    finally:
        scene.close()


def need_warping(lr: Path, ref: Path, scale: int) -> bool:
    """Whether both files lie on the ground, and Ref's pixels are not those of the restored raster."""
    grids = []
    for file in (lr, ref):
        if file_kind(file) != "tiff" or not has_rasterio():
            return False
        with RasterSource(file) as source:
            if source.grid is None or source.grid.geotransform.crs is None:
                return False
            grids.append(source.grid)
    return grids[1].apart(grids[0].finer(scale)) > ON_GRID


def _opened(
    restorer: Restorer, lr: str | Path, refs: Sequence[str | Path], options: RasterOptions, report: RasterReport
) -> Scene:
    channels, scale = restorer.channels, restorer.scale
    source = _source(lr, channels, options.bands, options.nodata, report, "LR")
    value_range = find_range(source, options.range)
    report.lines.append(f"LR: {value_range}")
    low = source.grid or Grid(Geotransform(None, IDENTITY), source.height, source.width)
    grid = Grid(low.geotransform.finer(scale), low.height * scale, low.width * scale)
    references, grids = [], []
    for ref in refs:
        other = _source(ref, channels, options.bands_ref, options.nodata_ref, report, "Ref")
        paired = _paired(source, other, grid, options.as_is)
        if not paired and other.grid is not None:
            grids.append((other.name, other.grid))
        raster = WarpedRaster(_regridded(other, grid) if paired else other, grid)
        span = find_range(other, options.range_ref or (options.range if other.dtype == source.dtype else None))
        references.append(Reference(raster, span))
        target = f"{other.grid} -> {grid}" if not paired else "on LR's grid"
        report.lines.append(f"Ref: {target}; {span}")
    if grids:
        check_overlap(grid, grids)
    return Scene(source, value_range, grid, References(references) if references else None)


def _source(
    name: str | Path, channels: int, wanted: Sequence[int | str], nodata: float | None, report: RasterReport, role: str
) -> RasterSource:
    """The raster with the bands that the model takes."""
    with RasterSource(name) as first:
        choice = choose_bands(first.name, first.all_bands, channels, wanted)
    report.lines.append(f"{role}: {choice}")
    return RasterSource(name, choice.bands, nodata)


def _paired(lr: RasterSource, ref: RasterSource, grid: Grid, as_is: bool) -> bool:
    """Whether Ref's pixels are the restored raster's; an error where nothing says how they lie."""
    fits = (ref.height, ref.width) == (grid.height, grid.width)
    if as_is or lr.grid is None or ref.grid is None:
        if not fits:
            why = "--ref-grid as-is" if as_is else f"{ref.name if ref.grid is None else lr.name} lies nowhere"
            raise DataError(
                f"{ref.name}: is {ref.height}x{ref.width}; {why}, and LR of {lr.height}x{lr.width} needs "
                f"{grid.height}x{grid.width} then"
            )
        return True
    return fits and ref.grid.apart(grid) < ON_GRID


def _regridded(ref: RasterSource, grid: Grid) -> RasterSource:
    """A reference whose pixels are taken as those of the grid."""
    ref.grid = grid
    return ref


def _profile(scene: Scene, restorer: Restorer) -> RasterProfile:
    lr = scene.lr
    bands = [lr.all_bands[band - 1] for band in lr.bands]
    grid = scene.grid.geotransform if lr.grid is not None else None
    tags = {**lr.tags, "REFSR_MODEL": restorer.card.spec.network, "REFSR_RANGE": str(scene.range)}
    return RasterProfile(
        scene.grid.height, scene.grid.width, str(lr.dtype), bands, grid, nodata=lr.nodata, masked=True, tags=tags
    )


def _layout(restorer: Restorer, source: SceneSource, options: RasterOptions) -> Layout:
    descriptor, tile, overlap = descriptor_of(restorer.network), options.tile, options.overlap
    if tile is None:
        tile, found = automatic_tile_size(descriptor, *source.sizes["lr"])
        overlap = overlap or found
    return lay_out(descriptor, source.sizes, tile, overlap)


def _blocks(layout: Layout) -> Iterator[tuple[Window, Layout]]:
    """Parts of the restored raster, in LR's pixels, and the tiles that reach into each."""
    for top, bottom in _groups(layout.rows):
        for left, right in _groups(layout.columns):
            rows = [span for span in layout.rows if span.kept[0] < bottom and span.kept[1] > top]
            columns = [span for span in layout.columns if span.kept[0] < right and span.kept[1] > left]
            yield Window(top, left, bottom - top, right - left), Layout(rows, columns)


def _groups(spans: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Stretches of at least BLOCK pixels that end where tiles meet; where these fade, in the middle."""
    start = 0
    for span, following in zip(spans, [*spans[1:], None], strict=True):
        stop = span.kept[1] if following is None else (span.kept[1] + following.kept[0]) // 2
        if stop - start >= BLOCK or following is None:
            yield start, stop
            start = stop


def _restored(
    restorer: Restorer, source: SceneSource, kept: Window, layout: Layout
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """(h, w, C) of a block in units of LR's range, and (h, w) where it holds data."""
    first, last = (layout.rows[0], layout.columns[0]), (layout.rows[-1], layout.columns[-1])
    top, left = (span.seen[0] for span in first)
    seen = Window(top, left, last[0].seen[1] - top, last[1].seen[1] - left)
    source.load(seen, kept)
    sink = _BlockSink(kept.times(restorer.scale))
    restore_tiles(restore_function(restorer.card.model), restorer.network, source, layout, sink)
    valid = source.valid[kept.within(seen)].repeat(restorer.scale, 0).repeat(restorer.scale, 1)
    return sink.image, valid


class _BlockSink:
    """The tile sink of one block: what of each tile lies in it."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sink = TensorSink(window.height, window.width, dtype=torch.float32)

    @property
    def image(self) -> npt.NDArray[np.float32]:
        image: npt.NDArray[np.float32] = self._sink.image[0].permute(1, 2, 0).numpy()
        return image

    def add(self, window: Window, tile: torch.Tensor) -> None:
        common = Window(*window).common(self._window)
        if common.empty:
            return
        rows, columns = common.within(Window(*window))
        inside = Window(common.top - self._window.top, common.left - self._window.left, common.height, common.width)
        self._sink.add(inside, tile[..., rows, columns])


def _findings(source: SceneSource, report: RasterReport) -> None:
    """What was seen on the way."""
    found = source.findings
    if source.scene.references is not None:
        report.lines.append(f"Ref covers {found.coverage:.0%} of LR")
    if found.empty:
        report.lines.append(f"{found.empty / found.pixels:.1%} of LR holds no data")
    if found.beyond.share > 0:
        report.lines.append(str(found.beyond))


def _plain(options: RasterOptions) -> Mapping[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(options).items()}
