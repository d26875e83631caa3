"""Reads one chip: HR, and LR and Ref on its grid; or says why there is none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.chips.settings import ChipSettings
from refsr.data.chips.survey import Survey, Surveyed
from refsr.data.degradation.levels import levels_of, normalised, quantised
from refsr.geo.grid import Grid
from refsr.geo.projection import may_meet, pixel_ratios, source_pixels
from refsr.geo.raster_source import RasterSource
from refsr.geo.references import Reference, References
from refsr.geo.value_range import ValueRange
from refsr.geo.warped import ON_GRID, WarpedRaster
from refsr.ops.resize import imresize

Array = npt.NDArray[Any]

MOST_BEYOND = 0.01
"""Share of a chip's values that may lie beyond the range."""
MOST_OPEN = 32
"""Rasters that stay open from one chip to the next."""
MOST_OFF = 1.25
"""How much larger or smaller than HR's by the scale the pixels of an LR raster may be."""

UNIT = ValueRange(-0.1, 1.1, "interpolated values overshoot at edges")
"""Where interpolated values count as beyond their range, in units of it."""

HOLE, LR_HOLE, NO_REF, BEYOND, UNIFORM = (
    "HR holds no data somewhere",
    "LR holds no data somewhere",
    "references cover too little",
    "values beyond the range",
    "nearly uniform",
)


@dataclass
class Chip:
    """One tuple in the values and the type of its set."""

    images: dict[str, Array]
    cover: float | None = None
    """Share that references cover."""
    lr: str | None = None
    """The raster that LR is from; None: made from HR."""
    refs: list[str] = field(default_factory=list)
    """The references that share ground with it, those preferred first."""


class ChipReader:
    """Reads chips of all scenes; of each raster only a window is in memory at a time."""

    def __init__(self, settings: ChipSettings, survey: Survey) -> None:
        self.settings, self.survey = settings, survey
        self._opened: OrderedDict[Surveyed, RasterSource] = OrderedDict()

    def read(self, scene: Surveyed, top: int, left: int) -> Chip | str:
        """The chip of an HR raster whose first pixel this is, or why it is left out."""
        while len(self._opened) > MOST_OPEN:
            self._opened.popitem(last=False)[1].close()
        settings, own = self.settings, scene.range
        window = Window(top, left, settings.size, settings.size)
        raw, valid = self._source(scene).read(window)
        if not valid.all():
            return HOLE
        if beyond(raw, own) > MOST_BEYOND:
            return BEYOND
        if own.unit(raw).std(axis=(0, 1)).max() < settings.min_std:
            return UNIFORM
        chip = Chip({"HR": self._in_set(raw, own)})
        reason = self._add_lr(chip, scene, window)
        return reason or (self._add_ref(chip, scene, window) if settings.ref else None) or chip

    def close(self) -> None:
        while self._opened:
            self._opened.popitem()[1].close()

    def _source(self, about: Surveyed) -> RasterSource:
        if about not in self._opened:
            self._opened[about] = about.open()
        self._opened.move_to_end(about)
        return self._opened[about]

    def _add_lr(self, chip: Chip, scene: Surveyed, window: Window) -> str | None:
        """LR of a chip: from the first raster that holds data all over, or made from HR; else the reason."""
        scale = self.settings.scale
        if not self.settings.lr:
            hr = chip.images["HR"]
            chip.images["LR"] = quantised(imresize(normalised(hr), f"1/{scale}"), levels_of(hr))
            return None
        reason, target = LR_HOLE, coarser(scene.grid, scale)
        for about in self._under(self.survey.lr, scene, window):
            values, valid = WarpedRaster(self._source(about), target).read(window.reduced(scale))
            if not valid.all():
                continue
            if beyond(about.range.unit(values), UNIT) > MOST_BEYOND:
                reason = BEYOND
                continue
            chip.images["LR"], chip.lr = self._in_set(values, about.range), about.label
            return None
        return reason

    def _add_ref(self, chip: Chip, scene: Surveyed, window: Window) -> str | None:
        """Ref of a chip from the references on its ground, or the reason why there is none."""
        under = self._under(self.survey.ref, scene, window)
        if not under:
            return NO_REF
        references = References([Reference(WarpedRaster(self._source(one), scene.grid), one.range) for one in under])
        values, weight = references.read(window)
        chip.cover, chip.refs = float((weight > 0).mean()), [one.label for one in under]
        if not chip.cover or chip.cover < self.settings.min_cover:
            return NO_REF
        if beyond(values[weight > 0], UNIT) > MOST_BEYOND:
            return BEYOND
        if chip.cover < 1:
            # As when a raster is restored: where nothing covers, upsampled LR stands in for the reference.
            known = weight[:, :, None]
            upsampled = imresize(self.survey.range.unit(chip.images["LR"]), self.settings.scale)
            values = (values * known + upsampled * (1 - known)).astype(np.float32)
        chip.images["Ref"] = self.survey.range.raw(values, self.survey.dtype)
        return None

    def _under(self, others: Sequence[Surveyed], scene: Surveyed, window: Window) -> list[Surveyed]:
        """The rasters that may lie on a chip's ground."""
        ground = Grid(scene.grid.geotransform.moved(window.left, window.top), window.height, window.width)
        return [one for one in others if may_meet(ground, one.grid)]

    def _in_set(self, raw: Array, own: ValueRange) -> Array:
        """Raw values of a raster in the values and the type of the set; untouched where both are the same."""
        out, dtype = self.survey.range, self.survey.dtype
        if (own.low, own.high) == (out.low, out.high):
            return raw if str(raw.dtype) == dtype else _rounded(raw, dtype)
        return out.raw(own.unit(raw), dtype)


def coarser(grid: Grid, scale: int) -> Grid:
    """HR's grid with pixels `scale` times as large, as many as are whole."""
    return Grid(grid.geotransform.coarser(scale), grid.height // scale, grid.width // scale)


def how_lr_lies(hr: Surveyed, lr: Surveyed, scale: int) -> str:
    """How an LR raster is brought to HR's grid, in words; a DataError where its pixels are of another scale."""
    target = coarser(hr.grid, scale)
    across, down = pixel_ratios(target, lr.grid)
    ratio = (across * down) ** 0.5
    if not 1 / MOST_OFF <= ratio <= MOST_OFF:
        raise DataError(
            f"{lr.name}: has pixels of {lr.grid.pixel_metres:.3g} m, HR's {hr.name} coarser by {scale} "
            f"{target.pixel_metres:.3g} m; --scale {max(2, round(scale / ratio))} would fit"
        )
    if abs(across - 1) < ON_GRID and abs(down - 1) < ON_GRID and _on_pixels(target, lr.grid):
        return f"on HR's grid coarser by {scale}, taken as it is"
    return f"{lr.grid} -> {target}, interpolated once (cubic)"


def beyond(raw: Array, span: ValueRange) -> float:
    """Share of values beyond a range."""
    return float(((raw < span.low) | (raw > span.high)).mean())


def _on_pixels(target: Grid, source: Grid) -> bool:
    """Whether both ends of the target's diagonal fall on whole pixels of the source."""
    ends = [Window(0, 0, 1, 1), Window(target.height - 1, target.width - 1, 1, 1)]
    lines = [line for end in ends for line in source_pixels(target.geotransform, end, source)]
    return all(bool(np.abs(line - np.rint(line)).max() < ON_GRID) for line in lines)


def _rounded(raw: Array, dtype: str) -> Array:
    if dtype == "float32":
        return raw.astype(np.float32)
    limits = np.iinfo(dtype)
    return np.clip(np.floor(raw + 0.5), limits.min, limits.max).astype(dtype)
