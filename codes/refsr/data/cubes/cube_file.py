"""What a cube's file says beside its values: wavelengths, bad bands, its nodata value and its geotransform."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError
from refsr.core.foreign_files import MOST_BANDS, require_pixels
from refsr.core.window import Window
from refsr.data.images import Array, ImageInfo
from refsr.geo.geotransform import Geotransform

KEPT = ("uint8", "uint16", "int16", "float32")
"""Types that stay as they are; `delivered` says what becomes of the others."""


@dataclass(frozen=True)
class CubeInfo:
    """What a file says of a cube beside its size; None where it says nothing."""

    wavelengths: tuple[float, ...] | None = None
    """Centres of the bands in nm."""
    good: tuple[bool, ...] | None = None
    """False for bands that the file calls bad."""
    nodata: float | None = None
    geotransform: Geotransform | None = None

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
        if self.geotransform is not None:
            found["geotransform"] = {"crs": self.geotransform.crs, "transform": list(self.geotransform.transform)}
        return found or None

    @staticmethod
    def from_record(record: Mapping[str, Any] | None) -> CubeInfo:
        """What `record` wrote."""
        found = record or {}
        grid = found.get("geotransform")
        return CubeInfo(
            wavelengths=tuple(found["wavelengths"]) if "wavelengths" in found else None,
            good=tuple(found["good"]) if "good" in found else None,
            nodata=float(found["nodata"]) if "nodata" in found else None,
            geotransform=Geotransform(grid["crs"], tuple(grid["transform"])) if grid else None,
        )


@dataclass(frozen=True)
class CubeHints:
    """What people know of files that these do not say."""

    variable: str | None = None
    """The array of MATLAB files that holds the cube."""
    band_centres: Sequence[float] | None = None
    """The bands' wavelengths in nm."""
    interleave: str | None = None
    """The order of the numbers in ENVI files, whatever their headers say."""


NO_CUBE_HINTS = CubeHints()


@dataclass(frozen=True)
class CubeFile:
    """An open cube: its size in the type that is delivered, what is known of it, and how its values are got."""

    path: Path
    info: ImageInfo
    cube_info: CubeInfo
    values: Callable[[Window, Sequence[int] | None], Array]
    """(H, W, bands) under a window, in the file's own type; of all bands, or of some, counted from 0."""
    contradiction: Callable[[], str | None] = lambda: None
    """Why the header contradicts the values, if it does; reads some of them, so it is called once."""

    def read(self, window: Window | None = None, bands: Sequence[int] | None = None) -> Array:
        """(H, W, bands) in the type of `info`; the caller owns the array."""
        part = Window(0, 0, self.info.height, self.info.width) if window is None else window
        require_pixels(self.path, part.height, part.width, self.info.bands if bands is None else len(bands))
        raw = self.values(part, bands)
        # What float32 cannot hold becomes infinite, which is reported where values are checked.
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


def check_counts(cube_info: CubeInfo, bands: int, name: object) -> None:
    """Refuses wavelengths and marks of good bands that are not one a band."""
    for what, found in (("wavelengths", cube_info.wavelengths), ("marks of good bands (bbl)", cube_info.good)):
        if found is not None and len(found) != bands:
            raise DataError(f"{name}: {len(found)} {what} for {bands} bands")
