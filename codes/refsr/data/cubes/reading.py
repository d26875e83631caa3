"""Cubes as networks see them. What is done to a cube is done in this order, here and nowhere else:

1. the file's values under the window, in the file's own type where that is one of `about.KEPT`;
2. bands: chosen by number or wavelength, the bad ones left out (`choice.py`);
3. holes, which are nodata and, where allowed, NaN and infinity: filled and counted (`holes.py`);
4. clipped to `clip`, which counts in what step 6 divides to;
5. where cubes are paired by position: brought to the image's grid (`placing.py`);
6. divided by `divide_by`, or `range_hsi` becomes [0, 1]; what is beyond [0, 1] is clipped, with the sample, in floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.data.cubes.about import About
from refsr.data.cubes.choice import Choice
from refsr.data.cubes.holes import Holes, Mending, check_some_data, filled, holes_in
from refsr.data.cubes.opening import Source
from refsr.data.images import Array, ImageInfo, Window
from refsr.data.ranges import Range


@dataclass(frozen=True)
class Scaling:
    """How values become [0, 1]."""

    divide_by: float | None = None
    clip: Range | None = None
    """Counted in what dividing gives."""
    range: Range | None = None
    """Raw values that become 0 and 1, in the place of `divide_by`."""

    @property
    def raw_range(self) -> Range | None:
        """The raw values that become 0 and 1, where anything is declared."""
        if self.range is not None:
            return self.range
        return None if self.divide_by is None else (0, self.divide_by)

    @property
    def raw_clip(self) -> Range | None:
        """The least and the largest raw value that stay."""
        if self.clip is None:
            return None
        return self.clip[0] * (self.divide_by or 1), self.clip[1] * (self.divide_by or 1)


@dataclass(frozen=True)
class ReadCubes:
    """A store of cubes up to step 4 above."""

    source: Source
    choice: Choice = field(default_factory=Choice)
    mending: Mending = field(default_factory=Mending)
    clip: Range | None = None
    """Least and largest raw value that stay."""
    _bands: dict[str, list[int]] = field(default_factory=dict, repr=False, compare=False)
    """Those of cubes that were asked for before."""

    @property
    def path(self) -> Path:
        return self.source.path

    def keys(self) -> tuple[str, ...]:
        return self.source.keys()

    def info(self, key: str) -> ImageInfo:
        info = self.source.info(key)
        return ImageInfo(info.height, info.width, len(self.bands(key)), info.dtype)

    def about(self, key: str) -> About:
        """What is known of the cube in all its bands."""
        return self.source.about(key)

    def bands(self, key: str) -> list[int]:
        """The bands that are taken, counted from 0."""
        if key not in self._bands:
            count, about = self.source.info(key).bands, self.source.about(key)
            self._bands[key] = self.choice.of(count, about, self.source.where(key))
        return self._bands[key]

    def read(self, key: str, window: Window | None = None) -> Array:
        cube, holes = self._raw(key, window)
        if holes is not None:
            cube = self._mended(key, window, cube, holes)
        return cube if self.clip is None else _clipped(cube, self.clip)

    def holes(self, key: str) -> int:
        """How many of a cube's values are holes; a DataError where it is broken."""
        _, holes = self._raw(key, None)
        if holes is None:
            return 0
        check_some_data(holes, self.bands(key), self.about(key).wavelengths, self.source.where(key))
        return int(holes.sum())

    def may_have_holes(self, key: str) -> bool:
        """Whether the cube can have any, by its header and what is declared."""
        named = self.mending.nodata is not None or self.about(key).nodata is not None
        return named or self.source.info(key).dtype == "float32"

    def note(self) -> str | None:
        """What a result must say of values that were filled; every cube that can have holes is read."""
        counts = {key: self.holes(key) for key in self.keys() if self.may_have_holes(key)}
        some = {key: count for key, count in counts.items() if count}
        if not some:
            return None
        infos = [self.info(key) for key in some]
        share = sum(some.values()) / sum(info.height * info.width * info.bands for info in infos)
        how = "by the nearest place with data" if self.mending.fill == "nearest" else "by zero"
        return f"{len(some)} of {len(self.keys())} cubes have holes, {share:.2%} of their values, filled {how}"

    def close(self) -> None:
        self.source.close()

    def _raw(self, key: str, window: Window | None) -> tuple[Array, Holes | None]:
        bands = self.bands(key)
        every = bands == list(range(self.source.info(key).bands))
        cube = self.source.read_bands(key, window, None if every else bands)
        return cube, holes_in(cube, self.about(key).nodata, self.mending, bands, self.source.where(key))

    def _mended(self, key: str, window: Window | None, cube: Array, holes: Holes) -> Array:
        if window is None:
            check_some_data(holes, self.bands(key), self.about(key).wavelengths, self.source.where(key))
            return filled(cube, holes, self.mending)
        if self.mending.fill == "zero" and not holes.all(axis=(0, 1)).any():
            return filled(cube, holes, self.mending)
        # A part must be the whole's: what fills a hole may lie outside, and a band may be empty here alone.
        whole, all_holes = self._raw(key, None)
        if all_holes is None:
            raise DataError(f"{self.source.where(key)}: changed while it was read")
        check_some_data(all_holes, self.bands(key), self.about(key).wavelengths, self.source.where(key))
        top, left, height, width = window
        return filled(whole, all_holes, self.mending)[top : top + height, left : left + width].copy()


def _clipped(cube: Array, edges: Range) -> Array:
    """Values within the edges, in their own type; of whole numbers, the outermost ones within."""
    low, high = edges
    if cube.dtype.kind != "f":
        limits = np.iinfo(cube.dtype)
        low, high = (min(max(edge, limits.min), limits.max) for edge in (math.ceil(low), math.floor(high)))
    clipped: Array = np.clip(cube, cube.dtype.type(low), cube.dtype.type(high))
    return clipped
