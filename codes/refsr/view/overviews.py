"""Overviews of rasters that have none: made in the background, beside a VRT in the viewer's own folder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from refsr.geo.raster_source import gdal_errors, is_remote
from refsr.view.layers import Layer

LOG = logging.getLogger(__name__)

LARGE = 2048
"""Side of a raster from which on a view of the whole takes too long without overviews."""
COARSEST = 512
"""Side of the coarsest overview, about."""


def make_missing(layers: Sequence[Layer], folder: Path) -> threading.Thread | None:
    """Starts to make the overviews that are missing, one raster after another; None where all are there."""
    missing = [
        layer
        for layer in layers
        if not layer.overviews and max(layer.height, layer.width) > LARGE and not is_remote(layer.source)
    ]
    if not missing:
        return None
    thread = threading.Thread(target=_make_all, args=(missing, folder), daemon=True)
    thread.start()
    return thread


def _make_all(layers: Sequence[Layer], folder: Path) -> None:
    failures: tuple[type[Exception], ...] = (OSError, *gdal_errors())
    made: dict[str, tuple[str, tuple[int, ...]]] = {}
    for layer in layers:
        try:
            if layer.source not in made:
                made[layer.source] = _made(layer, folder / f"overviews{layer.key}.vrt")
            layer.replace_source(*made[layer.source])
        except failures as error:
            # It is shown without them, slowly.
            LOG.warning("%s: no overviews could be made: %s", layer.name, error)


def _made(layer: Layer, target: Path) -> tuple[str, tuple[int, ...]]:
    """A VRT of the raster, with overviews in a file beside it, and their factors."""
    import rasterio
    import rasterio.shutil
    from rasterio.enums import Resampling

    side = max(layer.height, layer.width)
    factors = tuple(1 << power for power in range(1, 16) if side >> (power - 1) > COARSEST)
    rasterio.shutil.copy(layer.source, str(target), driver="VRT")
    with rasterio.Env(COMPRESS_OVERVIEW="DEFLATE"), rasterio.open(target, "r+") as sink:
        sink.build_overviews(list(factors), Resampling.average)
    return str(target), factors
