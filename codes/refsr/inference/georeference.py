"""Where a restored image lies on the ground, and which of its pixels hold no data."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from refsr.data.images import Array, file_kind
from refsr.geo.raster import RasterTags, has_rasterio, raster_tags, rasterio_open

LOG = logging.getLogger(__name__)


def read_tags(path: Path) -> RasterTags | None:
    """The georeference and nodata value of a TIFF that has one."""
    if file_kind(path) != "tiff" or not has_rasterio():
        return None
    with rasterio_open(path) as source:
        return raster_tags(source)


def restored_tags(lr: RasterTags | None, ref: RasterTags | None, scale: int) -> RasterTags | None:
    """Where a restored image lies: where LR does, since it shows what LR shows there; else where Ref does."""
    if lr is None:
        return None if ref is None else replace(ref, nodata=None)
    return replace(lr, geotransform=lr.geotransform.finer(scale))


def keep_empty(restored: Array, lr: Array, nodata: float, scale: int, value: float | None = None) -> None:
    """Gives the pixels of the restored image that come from ones without data their value again, or another one."""
    empty = (lr == nodata).all(axis=2)
    if empty.any():
        restored[empty.repeat(scale, axis=0).repeat(scale, axis=1)] = nodata if value is None else value
