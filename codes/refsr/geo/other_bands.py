"""The bands of LR that the network does not take, at the scale of those that it has restored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.geo.detail_injection import detail, fine_detail, halo, injected, injection, noise_of, window_radius
from refsr.geo.raster_source import RasterSource, spread_windows
from refsr.geo.rounding import as_type
from refsr.geo.validity import Array, Mask, filled
from refsr.ops.resize import imresize

OtherBandsMethod = Literal["guided", "enlarge", "drop"]
OTHER_BANDS: tuple[OtherBandsMethod, ...] = ("guided", "enlarge", "drop")
CELL = 1536
"""Side of the squares of fine pixels that are computed at once, about. They lie fixed on the scene, so that no pixel
depends on the window that it is read in."""
LEAST_CELL = 128
"""Pixels of LR along the side of a square, at least."""
KEPT_CELLS = 4
"""Squares that are kept in memory."""
ENLARGED_REACH = 8
"""Pixels of LR around a square that its enlarging, and the filling of holes for it, see."""
SAMPLES, SIDE = 6, 96
"""Windows a side, spread evenly, and their side, in which the noise and the detail of a scene are measured."""

Read = Callable[[Window], tuple[Array, Mask]]
"""Restored bands (h, w, C) under a window of the fine grid, in LR's values, and (h, w) where they hold data."""


class OtherBands:
    """Bands of LR that were not restored, each read by a source of its own, enlarged by `scale`.

    `guided` adds the detail of the restored bands, whose originals in LR `guides` reads (`detail_injection`);
    `enlarge` is bicubic. Values are those of each band, in its own type; nothing is clipped but to what the type holds.
    """

    def __init__(
        self, guides: RasterSource, others: Sequence[RasterSource], scale: int, method: OtherBandsMethod = "guided"
    ) -> None:
        self.guides, self.others, self.scale, self.method = guides, others, scale, method
        self.cell = cell_side(scale)
        """Side of a square in pixels of LR."""
        if method == "guided":
            self._halo = halo(len(guides.bands))
            self._spread, self._noise = _measured(guides, others)
        else:
            self._halo = ENLARGED_REACH
        self._cached: dict[Window, list[tuple[Array, Mask]]] = {}

    def read(self, window: Window, restored: Read) -> list[tuple[Array, Mask]]:
        """Each band (h, w) under a window of the fine grid, and (h, w) where it holds data."""
        side = self.cell * self.scale
        found = [
            (np.zeros((window.height, window.width), source.dtype), np.zeros((window.height, window.width), bool))
            for source in self.others
        ]
        for square in squares(window, side):
            cell = square.reduced(self.scale).common(self.guides.window)
            common = cell.times(self.scale).common(window)
            if common.empty:
                continue
            inside, outside = common.within(cell.times(self.scale)), common.within(window)
            for (pixels, valid), (part, known) in zip(found, self._of_cell(cell, restored), strict=True):
                pixels[outside], valid[outside] = part[inside], known[inside]
        return found

    def _of_cell(self, cell: Window, restored: Read) -> list[tuple[Array, Mask]]:
        """All bands under a square of LR's pixels; the last squares are kept, as neighbouring windows share them."""
        if cell not in self._cached:
            around = cell.grown(self._halo).common(self.guides.window)
            make = self._guided if self.method == "guided" else self._enlarged
            while len(self._cached) >= KEPT_CELLS:
                del self._cached[next(iter(self._cached))]
            self._cached[cell] = make(cell, around, restored)
        return self._cached[cell]

    def _enlarged(self, cell: Window, around: Window, _: Read) -> list[tuple[Array, Mask]]:
        made = []
        for source in self.others:
            band, valid = _read(source, around)
            large = imresize(_floats(band, source.dtype), self.scale)
            made.append(self._finished(large, valid, source, cell, around))
        return made

    def _guided(self, cell: Window, around: Window, restored: Read) -> list[tuple[Array, Mask]]:
        raw, known = self.guides.read(around)
        guides = np.where(known.any(), filled(raw, known), 0).astype(np.float64)
        sharp, sharp_known = restored(around.times(self.scale))
        sharp = sharp.astype(np.float32)
        if not sharp_known.all():
            # Holes have no detail to give.
            sharp[~sharp_known] = imresize(guides.astype(np.float32), self.scale)[~sharp_known]
        fine = fine_detail(sharp, self.scale)
        made = []
        for source, noise in zip(self.others, self._noise, strict=True):
            band, valid = _read(source, around)
            coefficients = injection(band, guides, known & valid, self._spread)
            floats = _floats(band, source.dtype)
            large = injected(floats, coefficients.astype(floats.dtype), fine, self.scale, noise)
            made.append(self._finished(large, valid, source, cell, around))
        return made

    def _finished(
        self, large: Array, valid: Mask, source: RasterSource, cell: Window, around: Window
    ) -> tuple[Array, Mask]:
        inner = cell.times(self.scale).within(around.times(self.scale))
        known = valid[cell.within(around)].repeat(self.scale, 0).repeat(self.scale, 1)
        return as_type(large[inner], source.dtype), known


def cell_side(scale: int) -> int:
    """The side of a square in pixels of LR."""
    return max(LEAST_CELL, -(-CELL // scale))


def squares(window: Window, side: int) -> list[Window]:
    """The squares of a lattice from (0, 0) on that reach into a window."""
    return [
        Window(top * side, left * side, side, side)
        for top in range(window.top // side, -(-window.bottom // side))
        for left in range(window.left // side, -(-window.right // side))
    ]


def _read(source: RasterSource, window: Window) -> tuple[npt.NDArray[np.float64], Mask]:
    """A band (h, w), its holes filled from around, and where it holds data; zeros where it holds none at all."""
    raw, valid = source.read(window)
    return np.where(valid.any(), filled(raw, valid), 0)[:, :, 0].astype(np.float64), valid


def _floats(band: Array, dtype: np.dtype[Any]) -> Array:
    """A band as floats that hold its type's values exactly."""
    return band.astype(np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64)


def _measured(guides: RasterSource, others: Sequence[RasterSource]) -> tuple[npt.NDArray[np.float64], list[float]]:
    """The standard deviation of each guide's detail (C,), and the noise of each other band, over the scene."""
    radius, squares, noises = window_radius(len(guides.bands)), [], [[] for _ in others]  # type: ignore[var-annotated]
    for window in spread_windows(guides.height, guides.width, SAMPLES, SIDE):
        raw, valid = guides.read(window)
        squares.append((detail(raw.astype(np.float64), valid, radius)[valid] ** 2).reshape(-1, raw.shape[2]))
        for source, found in zip(others, noises, strict=True):
            raw, valid = source.read(window)
            found.append(noise_of(np.where(valid, raw[:, :, 0], 0).astype(np.float64), valid))
    together = np.concatenate(squares)
    spread = np.sqrt(together.mean(0)) if len(together) else np.ones(len(guides.bands))
    return np.where(spread > 0, spread, 1.0), [_low(found) for found in noises]


def _low(noises: Sequence[float | None]) -> float:
    """The noise of a scene: that of the flatter windows among those that show any ground."""
    known = [noise for noise in noises if noise is not None]
    return float(np.percentile(known, 25)) if known else 0.0
