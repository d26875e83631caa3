"""Small pictures of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refsr.core.atomic import write_bytes
from refsr.data.images.plain import encode

SIDE = 128
"""Pixels along the longer side."""
TAILS = (2.0, 98.0)
"""Percentiles of values that become black and white."""


def write_thumbnail(raster: Path, target: Path) -> None:
    """A PNG of the first three bands of a raster, or of the first; black where it holds no data."""
    import rasterio

    with rasterio.open(raster) as source:
        reduced = max(1.0, max(source.height, source.width) / SIDE)
        shape = max(1, round(source.height / reduced)), max(1, round(source.width / reduced))
        bands = [1, 2, 3] if source.count >= 3 else [1]
        planes = source.read(bands, out_shape=(len(bands), *shape)).astype(np.float32)
        known = (source.dataset_mask(out_shape=shape) > 0) & np.isfinite(planes).all(axis=0)
    picture = np.zeros((*shape, len(bands)), np.uint8)
    if known.any():
        low, high = np.percentile(planes[:, known], TAILS)
        unit = np.clip((np.nan_to_num(planes) - low) / max(high - low, 1e-6), 0, 1)
        picture = np.where(known[:, :, None], np.rint(np.moveaxis(unit, 0, 2) * 255), 0).astype(np.uint8)
    write_bytes(target, encode(picture, "png"))
