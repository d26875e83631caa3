"""Cubes as networks see them. What is done to a cube is done in this order, here and nowhere else:

1. the file's values under the window, in the file's own type where that is one of `cube_file.KEPT`;
2. bands: selected by number or wavelength, the bad ones left out (`band_selection.py`);
3. holes, which are nodata and, where allowed, NaN and infinity: filled and counted;
4. clipped to `clip`, which counts in what step 6 divides to;
5. where cubes are paired by position: resampled to the image's grid (`by_position.py`);
6. divided by `divide_by`, or `range_hsi` becomes [0, 1]; what is beyond [0, 1] is clipped, with the sample, in floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.core.window import Window
from refsr.data.cubes.band_selection import BandSelection
from refsr.data.cubes.cube_file import CubeHints, CubeInfo
from refsr.data.cubes.opening import CubeSource
from refsr.data.images import Array, ImageInfo
from refsr.data.ranges import Range

Holes = npt.NDArray[np.bool_]
MOST_NAMED = 8


@dataclass(frozen=True)
class HoleFilling:
    """How nodata, NaN and infinity are found and filled."""

    nodata: float | None = None
    """None: the value that the file names, if it names one."""
    not_finite: Literal["refuse", "fill"] = "refuse"
    """NaN and infinity where nodata is another value: broken data, or holes as well."""
    fill: Literal["nearest", "zero", "refuse"] = "nearest"
    """`nearest`: what the band has at the nearest pixel with data."""


@dataclass(frozen=True)
class CubeScaling:
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
class CubeReader:
    """Cubes as steps 1 to 4 above leave them."""

    source: CubeSource
    selection: BandSelection = field(default_factory=BandSelection)
    hole_filling: HoleFilling = field(default_factory=HoleFilling)
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

    def cube_info(self, key: str) -> CubeInfo:
        """What is known of the cube in all its bands."""
        return self.source.cube_info(key)

    def bands(self, key: str) -> list[int]:
        """The bands that are taken, counted from 0."""
        if key not in self._bands:
            count, cube_info = self.source.info(key).bands, self.source.cube_info(key)
            self._bands[key] = self.selection.bands_of(count, cube_info, self.source.where(key))
        return self._bands[key]

    def read(self, key: str, window: Window | None = None) -> Array:
        cube, holes = self._raw(key, window)
        if holes is not None:
            cube = self._filled(key, window, cube, holes)
        return cube if self.clip is None else _clipped(cube, self.clip)

    def holes(self, key: str) -> int:
        """How many of a cube's values are holes; a DataError where it is broken."""
        _, holes = self._raw(key, None)
        if holes is None:
            return 0
        check_some_data(holes, self.bands(key), self.cube_info(key).wavelengths, self.source.where(key))
        return int(holes.sum())

    def may_have_holes(self, key: str) -> bool:
        """Whether the cube can have any, by its header and what is declared."""
        named = self.hole_filling.nodata is not None or self.cube_info(key).nodata is not None
        return named or self.source.info(key).dtype == "float32"

    def note(self) -> str | None:
        """What a result must say of values that were filled; every cube that can have holes is read."""
        counts = {key: self.holes(key) for key in self.keys() if self.may_have_holes(key)}
        some = {key: count for key, count in counts.items() if count}
        if not some:
            return None
        infos = [self.info(key) for key in some]
        share = sum(some.values()) / sum(info.height * info.width * info.bands for info in infos)
        how = "by the nearest pixel with data" if self.hole_filling.fill == "nearest" else "by zero"
        return f"{len(some)} of {len(self.keys())} cubes have holes, {share:.2%} of their values, filled {how}"

    def close(self) -> None:
        self.source.close()

    def _raw(self, key: str, window: Window | None) -> tuple[Array, Holes | None]:
        bands = self.bands(key)
        every = bands == list(range(self.source.info(key).bands))
        cube = self.source.read_bands(key, window, None if every else bands)
        return cube, holes_in(cube, self.cube_info(key).nodata, self.hole_filling, bands, self.source.where(key))

    def _filled(self, key: str, window: Window | None, cube: Array, holes: Holes) -> Array:
        if window is None:
            check_some_data(holes, self.bands(key), self.cube_info(key).wavelengths, self.source.where(key))
            return filled(cube, holes, self.hole_filling)
        if self.hole_filling.fill == "zero" and not holes.all(axis=(0, 1)).any():
            return filled(cube, holes, self.hole_filling)
        # A part must be the whole's: what fills a hole may lie outside, and a band may be empty here alone.
        whole, all_holes = self._raw(key, None)
        if all_holes is None:
            raise DataError(f"{self.source.where(key)}: changed while it was read")
        check_some_data(all_holes, self.bands(key), self.cube_info(key).wavelengths, self.source.where(key))
        top, left, height, width = window
        return filled(whole, all_holes, self.hole_filling)[top : top + height, left : left + width].copy()


def cube_hints(options: DatasetOptions) -> CubeHints:
    """What the options say of files that these leave out."""
    cubes = options.hsi or CubeOptions()
    return CubeHints(cubes.variable, cubes.band_centres, cubes.interleave)


def cube_reader(source: CubeSource, options: DatasetOptions) -> CubeReader:
    """Cubes with the bands, holes and limits that the options say."""
    cubes = options.hsi or CubeOptions()
    selection = BandSelection(
        bands=options.bands_hsi,
        band_ranges=[(first, last) for first, last in cubes.band_ranges] if cubes.band_ranges is not None else None,
        wavelengths=cubes.wavelengths,
        tolerance=cubes.tolerance,
        wavelength_ranges=_pairs(cubes.wavelength_ranges) if cubes.wavelength_ranges is not None else None,
        bad_bands=cubes.bad_bands,
        bad_wavelength_ranges=_pairs(cubes.bad_wavelength_ranges),
        use_bad_band_list=cubes.use_bad_band_list,
    )
    return CubeReader(
        source, selection, HoleFilling(cubes.nodata, cubes.not_finite, cubes.fill), _scaling(options).raw_clip
    )


def raw_range(options: DatasetOptions) -> Range | None:
    """The raw values of cubes that become 0 and 1, where the options say it."""
    return _scaling(options).raw_range


def _scaling(options: DatasetOptions) -> CubeScaling:
    cubes = options.hsi or CubeOptions()
    clip, limits = (None if one is None else (one[0], one[1]) for one in (cubes.clip, options.range_hsi))
    return CubeScaling(cubes.divide_by, clip, limits)


def _pairs(edges: Sequence[Sequence[float]]) -> list[Range]:
    return [(low, high) for low, high in edges]


def holes_in(
    cube: Array, nodata: float | None, hole_filling: HoleFilling, bands: Sequence[int], where: str
) -> Holes | None:
    """(H, W, bands): where there is no value; None where all is well. `bands`, counted from 0, are named in errors."""
    value = hole_filling.nodata if hole_filling.nodata is not None else nodata
    found = np.zeros(cube.shape, bool) if value is None else _equal(cube, value)
    if cube.dtype.kind == "f":
        broken = ~np.isfinite(cube) & ~found
        if broken.any():
            if hole_filling.not_finite == "refuse":
                count, which = int(broken.sum()), _named(broken, bands)
                raise DataError(
                    f"{where}: {count} value{'s' * (count != 1)} of {which} {'are' if count != 1 else 'is'} NaN or "
                    "infinite; hsi.not_finite: fill fills holes, hsi.nodata: a value that says nothing"
                )
            found |= broken
    if not found.any():
        return None
    if hole_filling.fill == "refuse":
        raise DataError(
            f"{where}: {int(found.sum())} values of {_named(found, bands)} hold no data; "
            "hsi.fill: nearest or zero fills them"
        )
    return found


def filled(cube: Array, holes: Holes, hole_filling: HoleFilling) -> Array:
    """(H, W, bands) with all holes filled; every band has some place without one."""
    filled_cube = cube.copy()
    if hole_filling.fill == "zero":
        filled_cube[holes] = 0
        return filled_cube
    from scipy.ndimage import distance_transform_edt

    # Bands mostly miss the same places: one search serves all that do.
    packed = np.packbits(holes.reshape(-1, holes.shape[2]), axis=0)
    alike: dict[bytes, list[int]] = {}
    for band in range(holes.shape[2]):
        alike.setdefault(packed[:, band].tobytes(), []).append(band)
    for group in alike.values():
        mask = holes[:, :, group[0]]
        if mask.any():
            rows, columns = distance_transform_edt(mask, return_distances=False, return_indices=True)
            for band in group:
                filled_cube[:, :, band] = cube[rows, columns, band]
    return filled_cube


def check_some_data(holes: Holes, bands: Sequence[int], wavelengths: Sequence[float] | None, where: str) -> None:
    """Refuses a whole cube in which a band, or every band, is nothing but holes."""
    empty = holes.all(axis=(0, 1))
    if empty.all():
        raise DataError(f"{where}: holds no data at all")
    if empty.any():
        numbers = [bands[at] + 1 for at in np.flatnonzero(empty).tolist()]
        first = "" if wavelengths is None else f" ({wavelengths[numbers[0] - 1]:g} nm)" if len(numbers) == 1 else ""
        raise DataError(
            f"{where}: {_named(holes[:, :, empty], [number - 1 for number in numbers])}{first} "
            f"hold{'s' * (len(numbers) == 1)} no data; hsi.bad_bands leaves bands out"
        )


def _equal(cube: Array, value: float) -> Holes:
    if cube.dtype.kind == "f":
        if np.isnan(value):
            return np.asarray(np.isnan(cube))
        # A value of 64 bits may be beyond float32, as the pixels that hold it then are.
        with np.errstate(over="ignore"):
            return np.asarray(cube == np.float32(value))
    limits = np.iinfo(cube.dtype)
    if not float(value).is_integer() or not limits.min <= value <= limits.max:
        return np.zeros(cube.shape, bool)
    return np.asarray(cube == cube.dtype.type(int(value)))


def _named(holes: Holes, bands: Sequence[int]) -> str:
    numbers = [bands[at] + 1 for at in np.flatnonzero(holes.any(axis=(0, 1))).tolist()]
    listed = ", ".join(map(str, numbers[:MOST_NAMED])) + (", ..." if len(numbers) > MOST_NAMED else "")
    return f"band {listed}" if len(numbers) == 1 else f"{len(numbers)} bands ({listed})"


def _clipped(cube: Array, edges: Range) -> Array:
    """Values within the edges, in their own type; of whole numbers, the outermost ones within."""
    low, high = edges
    if cube.dtype.kind != "f":
        limits = np.iinfo(cube.dtype)
        low, high = (min(max(edge, limits.min), limits.max) for edge in (math.ceil(low), math.floor(high)))
    clipped: Array = np.clip(cube, cube.dtype.type(low), cube.dtype.type(high))
    return clipped
