"""A layer of the viewer: an open raster, where it lies on the plane, and what its values are like."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.geo.raster_source import RasterSource, spread_windows
from refsr.view.plane import Placement

Role = Literal["sr", "lr", "ref", "evidence", "other"]

OPEN_AT_ONCE = 4
"""Handles of a raster that are kept: as many as tiles are read at once."""
PERCENTILES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 25.0, 50.0, 75.0, 95.0, 98.0, 99.0, 99.5, 99.9, 100.0)
SMALL = 1 << 22
"""Pixels up to which values are taken of the whole raster."""
SAMPLE_SIDE, SAMPLE_WINDOWS = 128, 6

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Legend:
    """The colours of a layer with one quantity."""

    title: str
    about: str
    colours: str
    """A name of rio-tiler's colour maps."""
    low: float
    high: float | None
    """None: the 98th percentile."""


@dataclass
class Layer:
    """What is shown on the plane under a key; `source` is never part of an answer."""

    key: str
    name: str
    role: Role
    source: str
    placement: Placement
    height: int
    width: int
    bands: tuple[str, ...]
    """The name of each band that holds values."""
    numbers: tuple[int, ...]
    """Their numbers in the file."""
    dtype: str
    shown: tuple[int, ...]
    """Numbers of the bands that are red, green and blue, or of the only one."""
    grid: str = ""
    """Its coordinate system and pixel size in words; empty for an image."""
    note: str = ""
    legend: Legend | None = None
    removable: bool = False
    overviews: tuple[int, ...] = ()
    _handles: dict[int | None, queue.SimpleQueue[Any]] = field(default_factory=dict, repr=False)
    _quantiles: list[list[float]] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _closed: bool = field(default=False, repr=False)

    @functools.cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom on the plane."""
        return self.placement.outline(self.height, self.width)

    @contextlib.contextmanager
    def opened(self, overview: int | None = None) -> Iterator[Any]:
        """The rasterio dataset, or the overview of that number, for one thread at a time."""
        idle = self._handles.setdefault(overview, queue.SimpleQueue())
        try:
            dataset = idle.get_nowait()
        except queue.Empty:
            dataset = open_dataset(self.source, overview)
        try:
            yield dataset
        finally:
            if self._closed or self._handles.get(overview) is not idle or idle.qsize() >= OPEN_AT_ONCE:
                dataset.close()
            else:
                idle.put(dataset)

    def replace_source(self, source: str, overviews: tuple[int, ...]) -> None:
        """Reads from another file with the same pixels, which has overviews."""
        idle, self._handles = self._handles, {}
        self.source, self.overviews = source, overviews
        _close_all(idle)

    def close(self) -> None:
        """Closes the handles that nobody uses; the others are closed when they are given back."""
        self._closed = True
        _close_all(self._handles)

    def quantiles(self) -> list[list[float]]:
        """Of each band the values at PERCENTILES, of the whole raster or of windows spread over it."""
        with self._lock:
            if self._quantiles is None:
                with self.opened() as dataset:
                    self._quantiles = _quantiles(RasterSource(dataset, self.numbers), bool(self.overviews))
            return self._quantiles

    def read(self, columns: Values, rows: Values) -> tuple[list[list[float]], list[bool]]:
        """The values of the pixels under points in its own pixels, for each point by band; and which hold data."""
        found, known = [], []
        with self.opened() as dataset:
            source = RasterSource(dataset, self.numbers)
            for column, row in zip(columns, rows, strict=True):
                inside = np.isfinite(column + row) and 0 <= column < self.width and 0 <= row < self.height
                if not inside:
                    found.append([0.0] * len(self.numbers))
                    known.append(False)
                    continue
                pixels, valid = source.read(Window(int(row), int(column), 1, 1))
                found.append([float(value) for value in np.nan_to_num(pixels[0, 0].astype(np.float64))])
                known.append(bool(valid[0, 0]))
        return found, known


def _close_all(handles: dict[int | None, queue.SimpleQueue[Any]]) -> None:
    for idle in handles.values():
        with contextlib.suppress(queue.Empty):
            while True:
                idle.get_nowait().close()


def open_dataset(source: str, overview: int | None = None) -> Any:
    """A raster that is shown, or one of its overviews."""
    import rasterio

    return rasterio.open(source, **({} if overview is None else {"overview_level": overview}))


def _quantiles(source: RasterSource, overviews: bool) -> list[list[float]]:
    if source.height * source.width <= SMALL:
        windows = [source.window]
    else:
        windows = spread_windows(source.height, source.width, SAMPLE_WINDOWS, SAMPLE_SIDE)
    parts = [pixels[valid] for pixels, valid in map(source.read, windows)]
    values = np.concatenate(parts)
    if not len(values):
        return [[0.0] * len(PERCENTILES) for _ in source.bands]
    found = np.percentile(values.astype(np.float64), PERCENTILES, axis=0)
    return [[float(value) for value in band] for band in found.T]
