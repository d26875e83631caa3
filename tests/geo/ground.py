"""A piece of ground whose brightness is known everywhere, drawn on whatever grid a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform

HOME = "EPSG:32612"
"""The system in whose metres the ground is defined."""
EAST, NORTH = 500_000.0, 4_650_000.0
WAVES = ((0.07, 0.02, 0.3), (-0.03, 0.06, 1.1), (0.05, -0.05, 2.0))
"""Cycles a pixel of 10 m, right and down, and a phase: one band each, all well below Nyquist."""


def brightness(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """(..., 3) between 40 and 200 at points in metres of HOME."""
    bands = [
        np.sin(2 * np.pi * (right * (east - EAST) / 10 + down * (NORTH - north) / 10) + phase)
        for right, down, phase in WAVES
    ]
    return 120 + 80 * np.stack(bands, axis=-1)


def centres(affine: Affine, height: int, width: int, crs: str = HOME) -> tuple[np.ndarray, np.ndarray]:
    """East and north in HOME of the centres of a grid's pixels."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x = affine.a * columns + affine.b * rows + affine.c
    y = affine.d * columns + affine.e * rows + affine.f
    if crs == HOME:
        return x, y
    east, north = transform(crs, HOME, x.ravel(), y.ravel())
    return np.reshape(east, x.shape), np.reshape(north, x.shape)


def truth(affine: Affine, height: int, width: int, crs: str = HOME) -> np.ndarray:
    """The ground as a grid's pixels should show it."""
    return brightness(*centres(affine, height, width, crs))


def write(
    path: Path, affine: Affine, height: int, width: int, crs: str | None = HOME, dtype: str = "float32", **more: Any
) -> Path:
    """A GeoTIFF of the ground; `more` goes to rasterio."""
    image = truth(affine, height, width, crs or HOME).astype(dtype)
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=3, dtype=dtype, crs=crs, transform=affine, **more
    ) as sink:
        sink.write(np.moveaxis(image, 2, 0))
    return path


def north_up(pixel: float, east: float = EAST, north: float = NORTH) -> Affine:
    return Affine(pixel, 0, east, 0, -pixel, north)
