"""One synthetic place as GeoTIFFs in whatever form a test wants, and what was restored from them, measured.

Nothing here uses refsr's own warp: Ref on another grid is sampled from the scene itself by `refsr world --geo`, and a
test compares with the scene's HR or with a restoration of arrays that are paired by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.rasters import RasterReport, restore_raster
from refsr.inference.restorer import Restorer
from refsr.ops.resize import imresize
from refsr.worlds.knobs import Knobs
from refsr.worlds.scene_pair import ScenePair, make_scene_pair

SCALE = 4
SIZE = 128
"""Side of HR."""
EXACT = {"misregistration": 0.0, "rotation": 0.0, "scale_difference": 0.0, "view_angle": 0.0}
SAME = {"dates": 1, "change": 0.0, "sun_shift": 0.0, "spectral_shift": 0.0, "haze": 0.0}
PLACE: dict[str, Any] = {"places": 1, "size": SIZE, "seed": 12, "geo": True, **EXACT, **SAME}
"""Ref shows what HR shows, so that a wrong grid is the only thing that can go wrong, and costs decibels."""
STEPS = {"uint8": (1.0, 0.0), "uint16": (40.0, 300.0), "int16": (40.0, -2000.0), "float32": (1 / 255, 0.0)}
"""Gain and offset from 8 bits to the raw values of a type."""
NODATA = {"uint8": 0, "uint16": 0, "int16": -32768, "float32": -9999.0}
HOLE_KINDS = ("nodata", "one band", "nan", "internal mask", "external mask", "alpha")
"""The ways in which a file says that a pixel holds no data; NaN is for floats."""


class Place:
    """The place, with Ref on a grid of its own; what the network makes of its paired arrays is kept."""

    def __init__(self, pair: ScenePair) -> None:
        assert pair.ref_grid is not None
        self.hr, self.lr, self.ref = (pair.images[name] for name in ("HR", "LR", "Ref"))
        self.ref_on_hr = pair.images["Ref_on_HR"]
        self.home, self.ref_grid = pair.draws.geotransform, pair.ref_grid
        self.lr_home = self.home.coarser(SCALE)
        self._known: dict[str, np.ndarray] = {}

    @property
    def enlarged(self) -> np.ndarray:
        """LR by bicubic, which stands in for a reference where there is none."""
        return np.clip(np.rint(imresize(self.lr / 255, SCALE) * 255), 0, 255).astype(np.uint8)

    def paired(self, restorer: Restorer) -> np.ndarray:
        """What the network makes of LR and a Ref that fits pixel by pixel."""
        return self._restored(restorer, "paired", self.ref_on_hr)

    def without(self, restorer: Restorer) -> np.ndarray:
        """What it makes of LR and no reference."""
        return self._restored(restorer, "without", self.enlarged)

    def psnr(self, image: np.ndarray, where: np.ndarray | None = None) -> float:
        """Of 8 bits (or raw values as `grey` has them) against HR, over the pixels of a mask."""
        error = np.square(image.astype(np.float64) - self.hr)
        return float(10 * np.log10(255**2 / (error if where is None else error[where]).mean()))

    def covered(self, grid: Grid) -> np.ndarray:
        """(H, W): HR pixels whose centre lies on the pixels of a grid, each projected by itself."""
        from rasterio.warp import transform

        columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
        x, y = self.home.point(columns.ravel(), rows.ravel())
        column, row = grid.geotransform.pixel(*np.array(transform(self.home.crs, grid.geotransform.crs, x, y)))
        inside = (column >= 0) & (column <= grid.width) & (row >= 0) & (row <= grid.height)
        return inside.reshape(SIZE, SIZE)

    def by_gdal(self) -> np.ndarray:
        """Ref as GDAL's cubic warp puts it on HR's grid."""
        from rasterio.warp import Resampling, reproject

        made, where = np.zeros((3, SIZE, SIZE), np.float32), self.ref_grid.geotransform
        reproject(
            np.moveaxis(self.ref.astype(np.float32), 2, 0), made, src_crs=where.crs, dst_crs=self.home.crs,
            src_transform=where.affine(), dst_transform=self.home.affine(), resampling=Resampling.cubic, tolerance=0,
        )  # fmt: skip
        return np.clip(np.rint(np.moveaxis(made, 0, 2)), 0, 255).astype(np.uint8)

    def _restored(self, restorer: Restorer, name: str, ref: np.ndarray) -> np.ndarray:
        if name not in self._known:
            self._known[name] = restorer.restore(self.lr, ref)
        return self._known[name]


@lru_cache(maxsize=64)
def place(**ref_grid: Any) -> Place:
    """The place with Ref on this grid; another extent or rotation of the grid draws another scene."""
    return Place(make_scene_pair(Knobs(**PLACE, **(ref_grid or {"ref_pixel": 1.0})), 0))


def raw(image: np.ndarray, dtype: str) -> np.ndarray:
    """8 bits as raw values of a type."""
    gain, offset = STEPS[dtype]
    return (image * gain + offset).astype(dtype)


def grey(values: np.ndarray, dtype: str) -> np.ndarray:
    """Raw values as 8 bits have them, not rounded."""
    gain, offset = STEPS[dtype]
    return (values.astype(np.float64) - offset) / gain


def write(
    path: Path, image: np.ndarray, where: Geotransform | None, hole: np.ndarray | None = None, kind: str = "nodata",
    crs: str | None = None, **more: Any,
) -> Path:  # fmt: skip
    """A GeoTIFF of raw values (H, W, C) whose pixels under `hole` are empty in the way that `kind` says."""
    image = image.copy()
    dtype = str(image.dtype)
    internal = kind == "internal mask"
    if hole is not None and kind in ("nodata", "one band"):
        value = NODATA[dtype]
        image[(image == value) & ~hole[:, :, None]] += image.dtype.type(1)
        image[hole, 1 if kind == "one band" else slice(None)] = value
        more["nodata"] = value
    elif hole is not None and kind == "nan":
        image[hole] = np.nan
    elif hole is not None and kind == "alpha":
        high = 1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
        image[hole] = image.max()
        image = np.dstack([image, np.where(hole, 0, high).astype(image.dtype)])
        more["alpha"] = "YES"
    elif hole is not None:
        # Bright: what is masked must not be read.
        image[hole] = image.max()
    height, width, count = image.shape
    profile = {} if where is None else where.profile()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype,
        **{"photometric": "RGB", **profile, **more},
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))
        if hole is not None and kind.endswith("mask"):
            sink.write_mask(~hole)
    return path


@dataclass(frozen=True)
class Restored:
    """A restored raster as read back, and how it was made."""

    pixels: np.ndarray
    """(H, W, C) raw values."""
    valid: np.ndarray
    """(H, W) as its mask says."""
    transform: Affine
    crs: Any
    nodata: float | None
    report: RasterReport


def restored(restorer: Restorer, lr: Path, refs: list[Path], output: Path, **options: Any) -> Restored:
    """What refsr makes of files."""
    raster = RasterOptions(**{name: options.pop(name) for name in list(options) if hasattr(RasterOptions, name)})
    report = restore_raster(restorer, lr, refs, output, RestoreOptions(raster=raster, **options))
    with rasterio.open(output) as source:
        pixels = np.moveaxis(source.read(), 0, 2)
        return Restored(pixels, source.dataset_mask() > 0, source.transform, source.crs, source.nodata, report)


def pixels_apart(one: Affine, other: Affine, side: int) -> float:
    """How far the corners of a square raster lie apart, in pixels of the other's."""
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)], float).T
    there = ~other @ (one @ tuple(corners))
    return float(np.abs(np.array(there) - corners).max())
