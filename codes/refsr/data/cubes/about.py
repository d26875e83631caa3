"""What a cube's file says beside its values: wavelengths, bands that are no good, the value of nothing, its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError
from refsr.data.images import Array, ImageInfo, Window

KEPT = ("uint8", "uint16", "int16", "float32")
"""Types that stay as they are; `delivered` says what becomes of the others."""
MOST_BANDS = 4096


@dataclass(frozen=True)
class Place:
    """Where an image lies on the ground."""

    crs: str
    """The coordinate system: WKT or a name such as EPSG:32616."""
    transform: tuple[float, ...]
    """Column and row -> x and y: (a, b, c, d, e, f) with x = a*column + b*row + c and y = d*column + e*row + f."""

    def coarser(self, ratio: float) -> Place:
        """The same corner with pixels `ratio` times as large."""
        a, b, c, d, e, f = self.transform
        return Place(self.crs, (a * ratio, b * ratio, c, d * ratio, e * ratio, f))

    def moved(self, column: int, row: int) -> Place:
        """The same grid beginning at another of its pixels."""
        a, b, _, d, e, _ = self.transform
        x, y = self.point(column, row)
        return Place(self.crs, (a, b, x, d, e, y))

    def point(self, column: Any, row: Any) -> tuple[Any, Any]:
        """x and y of upper left corners of pixels, numbers or arrays."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def pixel(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Columns and rows of points, numbers or arrays."""
        a, b, c, d, e, f = self.transform
        size = a * e - b * d
        return (e * (x - c) - b * (y - f)) / size, (a * (y - f) - d * (x - c)) / size


@dataclass(frozen=True)
class About:
    """What is known of a cube beside its size; nothing, where a file says nothing."""

    wavelengths: tuple[float, ...] | None = None
    """Centres of the bands in nm."""
    good: tuple[bool, ...] | None = None
    """False for bands that the file calls bad."""
    nodata: float | None = None
    place: Place | None = None

    def record(self) -> dict[str, Any] | None:
        """As plain JSON, or None where nothing is known."""
        found: dict[str, Any] = {}
        if self.wavelengths is not None:
            found["wavelengths"] = list(self.wavelengths)
        if self.good is not None:
            found["good"] = list(self.good)
        if self.nodata is not None:
            # JSON has no word for a number that is none.
            found["nodata"] = self.nodata if math.isfinite(self.nodata) else str(self.nodata)
        if self.place is not None:
            found["place"] = {"crs": self.place.crs, "transform": list(self.place.transform)}
        return found or None

    @staticmethod
    def from_record(record: Mapping[str, Any] | None) -> About:
        """What `record` wrote."""
        found = record or {}
        place = found.get("place")
        return About(
            wavelengths=tuple(found["wavelengths"]) if "wavelengths" in found else None,
            good=tuple(found["good"]) if "good" in found else None,
            nodata=float(found["nodata"]) if "nodata" in found else None,
            place=Place(place["crs"], tuple(place["transform"])) if place else None,
        )


@dataclass(frozen=True)
class Hints:
    """What people know of files that these do not say."""

    variable: str | None = None
    """The array of MATLAB files that holds the cube."""
    centres: Sequence[float] | None = None
    """The bands' wavelengths in nm."""
    interleave: str | None = None
    """The order of the numbers in ENVI files, whatever their headers say."""


NO_HINTS = Hints()


@dataclass(frozen=True)
class CubeFile:
    """An open cube: its size in the type that is delivered, what is known of it, and how its values are got."""

    path: Path
    info: ImageInfo
    about: About
    values: Callable[[Window, Sequence[int] | None], Array]
    """(H, W, bands) under a window, in the file's own type; of all bands, or of some, counted from 0."""
    doubt: Callable[[], str | None] = lambda: None
    """Why what the file says of its values can hardly be; looked at once, since it reads some of them."""

    def read(self, window: Window | None = None, bands: Sequence[int] | None = None) -> Array:
        """(H, W, bands) in the type of `info`; the caller owns the array."""
        whole = Window(0, 0, self.info.height, self.info.width)
        raw = self.values(whole if window is None else window, bands)
        # What float32 cannot hold becomes infinite, which is told where values are checked.
        with np.errstate(over="ignore"):
            return np.array(raw, dtype=self.info.dtype, order="C")


def delivered(dtype: Any, name: object) -> str:
    """The type in which values of `dtype` are delivered: 32 and 64 bits as float32, 8 signed bits as int16."""
    kind = np.dtype(dtype)
    plain = kind.newbyteorder("=").name
    if plain in KEPT:
        return str(plain)
    if kind.kind not in "iuf":
        raise DataError(f"{name}: values are {plain}; a cube holds whole or real numbers")
    return "int16" if plain == "int8" else "float32"


def cube_size(shape: Sequence[int], dtype: Any, name: object) -> ImageInfo:
    """The description of an array (H, W, bands), or (H, W) of one band; a DataError where it is no cube."""
    sides = (*shape, 1) if len(shape) == 2 else tuple(shape)
    if len(sides) != 3 or 0 in sides:
        raise DataError(f"{name}: shape {tuple(shape)} is not (height, width, bands) with all of them above zero")
    if sides[2] > MOST_BANDS:
        raise DataError(f"{name}: {sides[2]} bands, at most {MOST_BANDS} are supported")
    return ImageInfo(sides[0], sides[1], sides[2], delivered(dtype, name))


def cut(image: Array, window: Window, bands: Sequence[int] | None) -> Array:
    """A view of (H, W, bands) under a window; of the chosen bands a copy."""
    part = image[window.top : window.top + window.height, window.left : window.left + window.width]
    return part if bands is None else part[:, :, list(bands)]


def check_counts(about: About, bands: int, name: object) -> None:
    """Refuses wavelengths and marks of good bands that are not one a band."""
    for what, found in (("wavelengths", about.wavelengths), ("marks of good bands (bbl)", about.good)):
        if found is not None and len(found) != bands:
            raise DataError(f"{name}: {len(found)} {what} for {bands} bands")
