"""What GDAL keeps in memory, bounded: of decoded pixels its own default is a twentieth of the machine's memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from refsr.geo.raster_source import RasterSource

LEAST = 64 * 2**20
"""Bytes: the tiles that neighbouring blocks share are decoded once."""
MOST = 512 * 2**20
OPEN = 32
"""Files of a mosaic that are open at once: blocks of a result take 1 to 2 MB each, and GDAL's default is 100."""


@contextlib.contextmanager
def bounded_cache(reads: Sequence[tuple[RasterSource, float]] = (), least: int = LEAST) -> Iterator[None]:
    """Bounds the cache of all threads while rasters are read in blocks, which need so many of their rows each.

    A raster in strips as wide as itself is decoded whole for each block along a row of them, unless its strips are
    kept: these count up to MOST, beyond which time is given for memory.
    """
    import rasterio

    strips = sum(source.strip_bytes(rows) for source, rows in reads)
    with rasterio.Env(GDAL_CACHEMAX=min(MOST, least + strips), GDAL_MAX_DATASET_POOL_SIZE=OPEN):
        yield
