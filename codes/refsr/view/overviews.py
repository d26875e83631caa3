"""Overviews of rasters that have none: made in the background, beside a VRT in the viewer's own folder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from refsr.core.processes import begin_aside
from refsr.geo.block_cache import bounded_cache
from refsr.geo.raster_source import gdal_errors, is_remote
from refsr.view.layers import Layer

LOG = logging.getLogger(__name__)

LARGE = 2048
"""Side of a raster from which on a view of the whole takes too long without overviews."""
COARSEST = 512
"""Side of the coarsest overview, about."""


class MissingOverviews:
    """Those that layers lack, made one raster after another.

    Each is made in a process: rasterio holds Python's lock meanwhile, for minutes, in which no tile would be served.
    """

    def __init__(self, layers: Sequence[Layer], folder: Path) -> None:
        self._layers = [
            layer
            for layer in layers
            if not layer.overviews and max(layer.height, layer.width) > LARGE and not is_remote(layer.source)
        ]
        self._folder = folder
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._make_all, daemon=True)
        if self._layers:
            self._thread.start()

    def wait(self) -> None:
        """Returns when all are made."""
        if self._layers:
            self._thread.join()

    def stop(self) -> None:
        """Ends the work; layers without overviews stay as they are."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.terminate()
        self.wait()

    def _make_all(self) -> None:
        made: dict[str, tuple[str, tuple[int, ...]] | None] = {}
        for layer in self._layers:
            source = layer.source
            if source not in made:
                made[source] = self._made(layer, self._folder / f"overviews{layer.key}.vrt")
            if (found := made[source]) is not None:
                layer.replace_source(*found)

    def _made(self, layer: Layer, target: Path) -> tuple[str, tuple[int, ...]] | None:
        """A VRT of the raster with overviews in a file beside it, and their factors; None if that failed."""
        side = max(layer.height, layer.width)
        factors = tuple(1 << power for power in range(1, 16) if side >> (power - 1) > COARSEST)
        with self._lock:
            if self._stopped:
                return None
            self._process = process = begin_aside(_build, layer.name, layer.source, target, factors)
        process.join()
        return None if process.exitcode else (str(target), factors)


def _build(name: str, source: str, target: Path, factors: Sequence[int]) -> None:
    import rasterio
    import rasterio.shutil
    from rasterio.enums import Resampling

    failures: tuple[type[Exception], ...] = (OSError, *gdal_errors())
    try:
        rasterio.shutil.copy(source, str(target), driver="VRT")
        with bounded_cache(), rasterio.Env(COMPRESS_OVERVIEW="DEFLATE"), rasterio.open(target, "r+") as sink:
            sink.build_overviews(list(factors), Resampling.average)
    except failures as error:
        # It is shown without them, slowly.
        LOG.warning("%s: no overviews could be made: %s", name, error)
        raise SystemExit(1) from None
