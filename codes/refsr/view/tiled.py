"""Pixels in memory as a TIFF in tiles with overviews, of which a window is read without the rest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 256


def write_tiled(
    target: Path,
    pixels: npt.NDArray[Any],
    profile: Mapping[str, Any] | None = None,
    valid: npt.NDArray[np.bool_] | None = None,
    descriptions: tuple[str, ...] = (),
) -> None:
    """(height, width, bands) with what rasterio's `profile` says beside them; `valid` becomes a mask in the file."""
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import NotGeoreferencedWarning

    height, width, bands = pixels.shape
    factors = [1 << power for power in range(1, 12) if max(height, width) >> (power - 1) > BLOCK]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(
                target, "w", driver="GTiff", height=height, width=width, count=bands, dtype=pixels.dtype,
                tiled=True, blockxsize=BLOCK, blockysize=BLOCK, compress="deflate", zlevel=1, **(profile or {}),
            ) as sink,
        ):  # fmt: skip
            sink.write(np.moveaxis(pixels, 2, 0))
            for number, text in enumerate(descriptions, 1):
                sink.set_band_description(number, text)
            if valid is not None:
                sink.write_mask(valid)
            if factors:
                sink.build_overviews(factors, Resampling.average)
