"""Where on Earth an image lies, carried over to what is restored from it."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refsr.data.images import Array, ImageInfo, file_kind, has_rasterio

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Georeference:
    """What a GeoTIFF says beside its pixels."""

    crs: str | None
    """The coordinate system as WKT."""
    transform: tuple[float, ...]
    """Column and row -> x and y: (a, b, c, d, e, f) with x = a*column + b*row + c and y = d*column + e*row + f."""
    nodata: float | None = None
    """The value of pixels that show nothing."""

    def finer(self, scale: int) -> Georeference:
        """The same ground in pixels a `scale`-th as large."""
        a, b, c, d, e, f = self.transform
        return replace(self, transform=(a / scale, b / scale, c, d / scale, e / scale, f))

    def profile(self) -> dict[str, Any]:
        """What rasterio is told."""
        from rasterio.transform import Affine

        found: dict[str, Any] = {"transform": Affine(*self.transform)}
        if self.crs is not None:
            found["crs"] = self.crs
        if self.nodata is not None:
            found["nodata"] = self.nodata
        return found


def read_georeference(path: Path) -> Georeference | None:
    """The georeference of a TIFF that has one."""
    if file_kind(path) != "tiff" or not has_rasterio():
        return None
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            if source.crs is None and source.transform.is_identity:
                return None
            crs = None if source.crs is None else source.crs.to_wkt()
            return Georeference(crs, tuple(source.transform)[:6], source.nodata)


def of_restored(
    lr: Georeference | None, ref: Georeference | None, restored: ImageInfo, scale: int, name: str
) -> Georeference | None:
    """Where a restored image lies: where LR does, since it shows what LR shows there; else where Ref does."""
    if lr is None:
        return None if ref is None else replace(ref, nodata=None)
    place = lr.finer(scale)
    if ref is not None:
        apart = _corners_apart(place, ref, restored)
        if lr.crs is not None and ref.crs is not None and not _same_system(lr.crs, ref.crs):
            LOG.warning("%s: LR and Ref are in different coordinate systems; the result is in that of LR", name)
        elif apart > scale:
            LOG.warning("%s: LR and Ref do not cover the same ground: %.1f pixels of LR apart", name, apart / scale)
    return place


def keep_empty(restored: Array, lr: Array, nodata: float, scale: int) -> None:
    """Gives the pixels of the restored image that come from ones without data their value again."""
    empty = (lr == nodata).all(axis=2)
    if empty.any():
        restored[empty.repeat(scale, axis=0).repeat(scale, axis=1)] = nodata


def _corners_apart(place: Georeference, other: Georeference, image: ImageInfo) -> float:
    """The largest distance between two images' corners, in pixels of the first."""
    a, b, _, d, e, _ = place.transform
    corners = [(column, row) for column in (0, image.width) for row in (0, image.height)]
    differences = []
    for column, row in corners:
        one, two = (
            np.array([t[0] * column + t[1] * row + t[2], t[3] * column + t[4] * row + t[5]])
            for t in (place.transform, other.transform)
        )
        differences.append(np.linalg.solve(np.array([[a, b], [d, e]]), two - one))
    return float(np.abs(differences).max())


def _same_system(one: str, other: str) -> bool:
    from rasterio.crs import CRS

    return bool(CRS.from_wkt(one) == CRS.from_wkt(other))
