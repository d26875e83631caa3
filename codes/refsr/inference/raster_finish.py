"""What is made of the restored bands: LR's other bands beside them, the part that was asked for, its pixel size."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refsr.core.errors import DataError
from refsr.core.progress import ProgressFactory
from refsr.core.window import Window
from refsr.geo.area_of_interest import AreaOnGrid
from refsr.geo.block_cache import bounded_cache
from refsr.geo.grid import Grid
from refsr.geo.other_bands import OtherBands, OtherBandsMethod, Read, cell_side, squares
from refsr.geo.raster_sink import RasterProfile, RasterSink
from refsr.geo.raster_source import ALPHA, RasterSource
from refsr.geo.resampled import Resampled, Resolution, find_resolution
from refsr.geo.rounding import as_type
from refsr.geo.validity import Array, Mask, marked
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.scene import Scene


@dataclass(frozen=True)
class RasterFinish:
    """Makes the final raster of the restored one, window by window, in a second pass over its blocks."""

    restored: tuple[int, ...]
    """The bands of LR that the network restores, counted from 1, in the order in which it has them."""
    bands: tuple[int, ...]
    """The bands of LR that the final raster has, in LR's own order where other bands stay."""
    others: OtherBands | None
    inner: Window
    """The part of the restored raster that is asked for."""
    resolution: Resolution | None
    area: AreaOnGrid | None
    grid: Grid
    dtype: np.dtype[Any]
    side: int
    """Of the windows, in pixels of the restored raster."""

    def profile(self, restored: RasterProfile, lr: RasterSource) -> RasterProfile:
        """The final raster's, by that of the restored one."""
        bands = [lr.all_bands[band - 1] for band in self.bands]
        place = None if restored.geotransform is None else self.grid.geotransform
        masked = restored.masked or self.area is not None
        return dataclasses.replace(
            restored, height=self.grid.height, width=self.grid.width, dtype=str(self.dtype), bands=bands,
            geotransform=place, masked=masked,
        )  # fmt: skip

    @property
    def windows(self) -> list[Window]:
        """The windows that the final raster is made in."""
        whole = self.grid.window
        if self.resolution is not None:
            return [square.common(whole) for square in squares(whole, max(1, round(self.side / self.resolution.ratio)))]
        inner = self.inner
        parts = [square.common(inner) for square in squares(inner, self.side)]
        return [Window(part.top - inner.top, part.left - inner.left, part.height, part.width) for part in parts]

    def read(self, window: Window, restored: Read) -> tuple[Array, Mask]:
        """(h, w, C) under a window of the final raster, and where each band holds data (h, w, C)."""
        if self.resolution is None:
            pixels, valid = self._together(window, restored)
        else:
            size = self.inner.height, self.inner.width
            resampled = Resampled(lambda part: self._together(part, restored), size, self.resolution.ratio)
            pixels, valid = resampled.read(window)
        if self.area is not None:
            valid = valid & self.area.mask(window)[:, :, None]
        pixels[~valid] = 0
        return pixels, valid

    def _together(self, window: Window, restored: Read) -> tuple[Array, Mask]:
        """All bands under a window of the part that is asked for, at the network's pixel size."""
        shifted = Window(window.top + self.inner.top, window.left + self.inner.left, window.height, window.width)
        main, known = restored(shifted)
        planes = {band: (self._restored(main, band), known) for band in self.restored}
        if self.others is not None:
            found = self.others.read(shifted, restored)
            planes |= {source.bands[0]: band for source, band in zip(self.others.others, found, strict=True)}
        pixels = np.stack([planes[band][0].astype(self.dtype) for band in self.bands], axis=2)
        return pixels, np.stack([planes[band][1] for band in self.bands], axis=2)

    def _restored(self, main: Array, band: int) -> Array:
        """A restored band; the mean of its restorations where the network took it several times."""
        taken = [index for index, one in enumerate(self.restored) if one == band]
        if len(taken) == 1:
            return main[:, :, taken[0]]
        return as_type(main[:, :, taken].mean(axis=2, dtype=np.float64), main.dtype)

    def identity(self) -> dict[str, Any]:
        """What the final raster depends on beside the options."""
        digest = hashlib.sha256()
        for polygon in () if self.area is None else self.area.polygons:
            for ring in polygon:
                digest.update(ring.tobytes())
        return {"bands": list(self.bands), "area": digest.hexdigest()}


def raster_finish(scene: Scene, options: RestoreOptions, announce: Callable[[str], None]) -> RasterFinish | None:
    """What is left to do after the network; None where the restored raster is the final one."""
    raster, lr = options.raster, scene.lr
    scale = scene.grid.height // lr.height
    numbers = _other_numbers(lr)
    method: OtherBandsMethod = (raster.other_bands or "guided") if numbers else "drop"
    final = final_grid(scene, raster)
    inner, resolution, area = final.inner, final.resolution, final.area
    if raster.resolution is not None:
        announce(f"result: {resolution or str(final.grid) + ', the pixel size of the network'}")
    if method == "drop":
        if numbers:
            announce(f"other bands: {_named(lr, numbers)} {'is' if len(numbers) == 1 else 'are'} left out")
        others, bands = None, tuple(dict.fromkeys(lr.bands))
        if resolution is None and inner == scene.grid.window and area is None and bands == lr.bands:
            return None
        dtype = lr.dtype
    else:
        sources = [lr.sharing(band) for band in numbers]
        others = OtherBands(lr, sources, scale, method)
        bands = tuple(sorted({*lr.bands, *numbers}))
        dtype = np.result_type(lr.dtype, *(source.dtype for source in sources))
        announce(f"other bands: {_named(lr, numbers)} {WORDS[method]}")
    return RasterFinish(lr.bands, bands, others, inner, resolution, area, final.grid, dtype, cell_side(scale) * scale)


class FinalGrid(NamedTuple):
    """Where the final raster lies, and what of the restored one it is made of."""

    inner: Window
    """The part of the restored raster that is asked for."""
    resolution: Resolution | None
    area: AreaOnGrid | None
    grid: Grid


def final_grid(scene: Scene, raster: RasterOptions) -> FinalGrid:
    """Where the final raster lies; a UsageError or DataError where there can be none."""
    lr = scene.lr
    scale = scene.grid.height // lr.height
    inner = scene.grid.window if scene.scope is None else scene.scope.window.times(scale)
    fine = Grid(scene.grid.geotransform.moved(inner.left, inner.top), inner.height, inner.width)
    resolution = None
    if raster.resolution is not None:
        coarse = Grid(scene.grid.geotransform.coarser(scale), lr.height, lr.width)
        resolution = find_resolution(raster.resolution, coarse, fine)
    grid = fine if resolution is None else resolution.grid
    area = None if scene.scope is None else scene.scope.area
    on_grid = None if area is None else area.on(grid)
    if area is not None and on_grid is not None and _holds_nothing(on_grid, grid):
        raise DataError(f"{area.name}: is smaller than a pixel of {grid} and holds the centre of none")
    return FinalGrid(inner, resolution, on_grid, grid)


SMALL = 2**20
"""Pixels of a grid up to which an area is looked through before the work."""
WORDS = {"guided": "with the detail of the restored ones (guided)", "enlarge": "enlarged by bicubic"}


def _holds_nothing(area: AreaOnGrid, grid: Grid) -> bool:
    """Whether a small area holds no pixel's centre; larger ones hold some."""
    return grid.height * grid.width <= SMALL and not area.mask(grid.window).any()


def finish_raster(
    finish: RasterFinish,
    restored: RasterSink,
    windows: Sequence[Window],
    sink: RasterSink,
    overwrite: bool,
    progress: ProgressFactory,
    label: str = "finishing",
) -> None:
    """Makes the final raster of the blocks of `restored`, resumable as these are, and removes them."""
    sink.open(overwrite)
    parts = finish.windows
    with bounded_cache(), RasterSource(restored.mosaic(windows)) as source:
        missing = [part for part in parts if not sink.has(part)]
        with progress(label, len(parts)) as bar:
            bar.skip(len(parts) - len(missing))
            for part in missing:
                sink.write(part, *finish.read(part, source.read))
                bar.advance()
    restored.mark_whole()
    sink.finish(parts)
    restored.discard()


def finished_array(finish: RasterFinish, restored: Array, known: Mask, nodata: float | None) -> Array:
    """The final raster (H, W, C) of restored bands in memory."""

    def read(window: Window) -> tuple[Array, Mask]:
        part = np.s_[window.top : window.bottom, window.left : window.right]
        return restored[part], known[part]

    result = np.zeros((finish.grid.height, finish.grid.width, len(finish.bands)), finish.dtype)
    for window in finish.windows:
        result[window.top : window.bottom, window.left : window.right] = marked(*finish.read(window, read), nodata)
    return result


def _other_numbers(lr: RasterSource) -> tuple[int, ...]:
    """The bands of LR that the network does not take, alpha apart."""
    return tuple(
        number for number, band in enumerate(lr.all_bands, 1) if number not in lr.bands and band.colour != ALPHA
    )


def _named(lr: RasterSource, numbers: Sequence[int]) -> str:
    return ", ".join(lr.all_bands[number - 1].description or f"band {number}" for number in numbers)
