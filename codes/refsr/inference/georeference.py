"""Where a restored image lies on the ground, and which of its pixels hold no data."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from refsr.data.images import Array, ImageInfo, file_kind
from refsr.geo.geotransform import Geotransform
from refsr.geo.raster import RasterTags, has_rasterio, raster_tags, rasterio_open

LOG = logging.getLogger(__name__)


def read_tags(path: Path) -> RasterTags | None:
    """The georeference and nodata value of a TIFF that has one."""
    if file_kind(path) != "tiff" or not has_rasterio():
        return None
    with rasterio_open(path) as source:
        return raster_tags(source)


def restored_tags(
    lr: RasterTags | None, ref: RasterTags | None, restored: ImageInfo, scale: int, name: str
) -> RasterTags | None:
    """Where a restored image lies: where LR does, since it shows what LR shows there; else where Ref does."""
    if lr is None:
        return None if ref is None else replace(ref, nodata=None)
    found = replace(lr, geotransform=lr.geotransform.finer(scale))
    if ref is not None:
        mine, other = found.geotransform, ref.geotransform
        if mine.crs is not None and other.crs is not None and not mine.same_crs(other):
            LOG.warning("%s: LR and Ref are in different coordinate systems; the result is in that of LR", name)
        elif (apart := _corners_apart(mine, other, restored)) > scale:
            LOG.warning("%s: LR and Ref do not cover the same ground: %.1f pixels of LR apart", name, apart / scale)
    return found


def keep_empty(restored: Array, lr: Array, nodata: float, scale: int) -> None:
    """Gives the pixels of the restored image that come from ones without data their value again."""
    empty = (lr == nodata).all(axis=2)
    if empty.any():
        restored[empty.repeat(scale, axis=0).repeat(scale, axis=1)] = nodata


def _corners_apart(grid: Geotransform, other: Geotransform, image: ImageInfo) -> float:
    """The largest distance between two images' corners along a row or a column, in pixels of the first."""
    columns, rows = np.meshgrid([0.0, image.width], [0.0, image.height])
    found = grid.pixel(*other.point(columns, rows))
    return float(np.abs([found[0] - columns, found[1] - rows]).max())
