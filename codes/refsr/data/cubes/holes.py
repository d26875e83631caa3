"""Values of a cube that are none: told by a number, or not a number at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.data.images import Array

Holes = npt.NDArray[np.bool_]
MOST_NAMED = 8


@dataclass(frozen=True)
class Mending:
    """What becomes of values that are none."""

    nodata: float | None = None
    """None: the value that the file names, if it names one."""
    not_finite: Literal["refuse", "fill"] = "refuse"
    """NaN and infinity where nodata is another value: broken data, or holes as well."""
    fill: Literal["nearest", "zero", "refuse"] = "nearest"
    """`nearest`: what the band has at the nearest place with data."""


def holes_in(cube: Array, nodata: float | None, mending: Mending, bands: Sequence[int], where: str) -> Holes | None:
    """(H, W, bands): where there is no value; None where all is well. `bands`, counted from 0, are named in errors."""
    value = mending.nodata if mending.nodata is not None else nodata
    found = np.zeros(cube.shape, bool) if value is None else _equal(cube, value)
    if cube.dtype.kind == "f":
        broken = ~np.isfinite(cube) & ~found
        if broken.any():
            if mending.not_finite == "refuse":
                count, which = int(broken.sum()), _named(broken, bands)
                raise DataError(
                    f"{where}: {count} value{'s' * (count != 1)} of {which} {'are' if count != 1 else 'is'} NaN or "
                    "infinite; hsi.not_finite: fill fills holes, hsi.nodata: a value that says nothing"
                )
            found |= broken
    if not found.any():
        return None
    if mending.fill == "refuse":
        raise DataError(
            f"{where}: {int(found.sum())} values of {_named(found, bands)} hold no data; "
            "hsi.fill: nearest or zero fills them"
        )
    return found


def filled(cube: Array, holes: Holes, mending: Mending) -> Array:
    """(H, W, bands) with all holes filled; every band has some place without one."""
    mended = cube.copy()
    if mending.fill == "zero":
        mended[holes] = 0
        return mended
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
                mended[:, :, band] = cube[rows, columns, band]
    return mended


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
