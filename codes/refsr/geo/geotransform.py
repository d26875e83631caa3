"""The one affine transform that says where a raster lies on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from refsr.core.errors import DataError

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Geotransform:
    """A coordinate system, and the affine map from a raster's pixels to it."""

    crs: str | None
    """WKT, or a name such as EPSG:32616; None where a file has a grid but names no coordinate system."""
    transform: tuple[float, ...]
    """Column and row -> x and y: (a, b, c, d, e, f) with x = a*column + b*row + c and y = d*column + e*row + f."""

    @classmethod
    def north_up(cls, crs: str | None, left: float, top: float, pixel: float) -> Geotransform:
        """A grid that is not rotated, from the outer corner of its first pixel and its square pixels' side."""
        return cls(crs, (pixel, 0.0, left, 0.0, -pixel, top))

    @property
    def is_identity(self) -> bool:
        """Whether the map says nothing: x and y are column and row."""
        return self.transform == IDENTITY

    def coarser(self, ratio: float) -> Geotransform:
        """The same corner with pixels `ratio` times as large."""
        a, b, c, d, e, f = self.transform
        return Geotransform(self.crs, (a * ratio, b * ratio, c, d * ratio, e * ratio, f))

    def finer(self, ratio: float) -> Geotransform:
        """The same corner with pixels `ratio` times as small."""
        a, b, c, d, e, f = self.transform
        return Geotransform(self.crs, (a / ratio, b / ratio, c, d / ratio, e / ratio, f))

    def moved(self, column: int, row: int) -> Geotransform:
        """The same grid beginning at another of its pixels."""
        a, b, _, d, e, _ = self.transform
        x, y = self.point(column, row)
        return Geotransform(self.crs, (a, b, x, d, e, y))

    def point(self, column: Any, row: Any) -> tuple[Any, Any]:
        """x and y of the upper left corners of pixels, numbers or arrays."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def pixel(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Columns and rows of points, numbers or arrays: the inverse of `point`."""
        a, b, c, d, e, f = self.transform
        determinant = a * e - b * d
        return (e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant

    def same_crs(self, other: Geotransform) -> bool:
        """Whether both name one coordinate system, in whatever words; unnamed ones equal nothing."""
        if self.crs is None or other.crs is None:
            return False
        return self.crs == other.crs or bool(self.coordinate_system() == other.coordinate_system())

    def coordinate_system(self) -> Any:
        """rasterio's CRS; a DataError where there is none, or none that rasterio knows."""
        if self.crs is None:
            raise DataError("the raster names no coordinate system")
        return _parsed(self.crs)

    def affine(self) -> Any:
        """The map as rasterio takes it."""
        from rasterio.transform import Affine

        return Affine(*self.transform)

    def profile(self) -> dict[str, Any]:
        """`transform` and, where it is known, `crs`, as rasterio takes them when it opens a file for writing."""
        return {"transform": self.affine(), **({} if self.crs is None else {"crs": self.crs})}


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return CRS.from_user_input(text)
    except (CRSError, ValueError) as error:
        raise DataError(f"{text[:60]!r} is no coordinate system that rasterio knows") from error
