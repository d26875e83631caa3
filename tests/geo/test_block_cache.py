"""GDAL's cache is bounded while rasters are read in blocks, and holds the strips of those that have no tiles."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.env import getenv

from refsr.geo import block_cache
from refsr.geo.block_cache import LEAST, bounded_cache
from refsr.geo.raster_source import RasterSource


def raster(path, **layout) -> RasterSource:
    values = np.zeros((3, 300, 400), np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", height=300, width=400, count=3, dtype="uint16", crs="EPSG:32612",
        transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **layout,
    ) as sink:  # fmt: skip
        sink.write(values)
    return RasterSource(path)


def test_strips_that_a_block_needs_are_counted_and_tiles_are_not(tmp_path):
    with raster(tmp_path / "strips.tif", blockysize=16) as strips:
        # 20 rows reach into three strips of 16 rows, which lie 400 pixels of 3 bands of 2 bytes wide.
        assert strips.strip_bytes(20) == 3 * 16 * 400 * 3 * 2
        assert strips.strip_bytes(1e9) == 300 * 400 * 3 * 2
    with raster(tmp_path / "tiles.tif", tiled=True, blockxsize=64, blockysize=64) as tiles:
        assert tiles.strip_bytes(20) == 0


def test_the_cache_is_bounded_and_its_bound_ends_with_the_work(tmp_path, monkeypatch):
    with rasterio.Env(), raster(tmp_path / "a.tif", blockysize=16) as source:
        before = getenv().get("GDAL_CACHEMAX")
        with bounded_cache([(source, 20)]):
            assert getenv()["GDAL_CACHEMAX"] == LEAST + 3 * 16 * 2400
        assert getenv().get("GDAL_CACHEMAX") == before
        monkeypatch.setattr(block_cache, "MOST", LEAST + 1)
        with bounded_cache([(source, 20)]):
            assert getenv()["GDAL_CACHEMAX"] == LEAST + 1
