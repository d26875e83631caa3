"""Cubes and images paired by their position on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError, listed
from refsr.core.window import Window
from refsr.data.cubes.raster import located
from refsr.data.cubes.reading import CubeReader
from refsr.data.images import Array, ImageInfo, check_window, file_kind
from refsr.data.stores import Store
from refsr.data.stores.folder import FolderStore
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import outline_pixels
from refsr.geo.raster import has_rasterio, rasterio_open
from refsr.geo.validity import Mask
from refsr.geo.warped import WarpedRaster

# What an image may lie beyond a cube, in the cube's cells: rounding of coordinates.
SLACK = 0.01
# How far cube and image that are paired by name may lie apart, in the cube's cells, and their widths, in proportion.
MOST_APART, MOST_OFF = 1.0, 0.02


def image_geotransform(store: Store, key: str) -> Geotransform | None:
    """Where an image of a folder lies, if its file says so."""
    if not isinstance(store, FolderStore) or not has_rasterio() or file_kind(store.file(key)) != "tiff":
        return None
    with rasterio_open(store.file(key)) as source:
        return located(source)


def check_positions(images: Store, cubes: CubeReader) -> None:
    """Refuses cubes that are paired by name with images of another place, where both say where they lie."""
    wrong = []
    for key in sorted(set(images.keys()) & set(cubes.keys())):
        cube_grid, image = cubes.cube_info(key).geotransform, image_geotransform(images, key)
        if cube_grid is None or image is None:
            continue
        misfit = _misfit(image, images.info(key), cube_grid, cubes.info(key))
        if misfit:
            wrong.append(f"{key}: {misfit}")
    if wrong:
        hint = "; hsi.pairing: position takes what lies there, key_only looks at names alone"
        raise DataError("cubes do not lie where the images do: " + listed(wrong) + hint)


@dataclass(frozen=True)
class CubesByPosition:
    """Of the cubes that cover an image's ground, the part under it, on a grid `ratio` of the image's pixels wide.

    Of several that cover it the one of the image's own name is taken, else the first. Values are linear, or means where
    the grid is coarser than the cube.
    """

    cubes: CubeReader
    images: Store
    ratio: int

    @property
    def path(self) -> Path:
        return self.cubes.path

    def keys(self) -> tuple[str, ...]:
        return self.images.keys()

    def info(self, key: str) -> ImageInfo:
        _, _, height, width = self._size(key)
        return ImageInfo(height, width, self.cubes.info(self.covering[key][0]).bands, "float32")

    def read(self, key: str, window: Window | None = None) -> Array:
        info = self.info(key)
        cube, grid = self.covering[key]
        part = window or self._size(key)
        check_window(f"{self.path}: {key}", part, info.height, info.width)
        source = CubePixels(self.cubes, cube, self._cube_grid(cube))
        values, covered = WarpedRaster(source, Grid(grid, info.height, info.width), resampling="area").read(part)
        if not covered.all() or not np.isfinite(values).all():
            raise DataError(f"{self.path}: {cube} does not cover all of image {key}")
        return values

    def note(self) -> str | None:
        """What a result must say of values that were filled."""
        return self.cubes.note()

    def close(self) -> None:
        self.cubes.close()

    @cached_property
    def covering(self) -> dict[str, tuple[str, Geotransform]]:
        """Image to the cube that is taken for it and its grid; a DataError names those that none covers."""
        if not has_rasterio():
            raise DataError("hsi.pairing: position needs rasterio; pip install 'refsr[geo]'")
        cubes = self.cubes.keys()
        found, wrong = {}, []
        for key in self.images.keys():
            grid, size = self._grid(key), self._size(key)
            beyond = {}
            for cube in sorted(cubes, key=lambda cube: cube != key):
                beyond[cube] = self._beyond(grid, size, cube)
                if beyond[cube] <= SLACK:
                    found[key] = cube, grid
                    break
            else:
                near = min(beyond, key=lambda cube: beyond[cube])
                far = math.isfinite(beyond[near])
                wrong.append(key + (f" ({beyond[near]:.3g} pixels of {near} beyond it)" if far else ""))
        if wrong:
            raise DataError(f"{self.path}: no cube covers the ground of {len(wrong)} images: {listed(wrong)}")
        return found

    def _cube_grid(self, cube: str) -> Geotransform:
        cube_grid = self.cubes.cube_info(cube).geotransform
        if cube_grid is None:
            raise DataError(f"{self.path}: {cube} has no coordinate system, which hsi.pairing: position needs")
        return cube_grid

    def _grid(self, key: str) -> Geotransform:
        cube_grid = image_geotransform(self.images, key)
        if cube_grid is None:
            raise DataError(
                f"{self.images.path}: {key} is no GeoTIFF with a coordinate system, which hsi.pairing: position needs"
            )
        return cube_grid.coarser(self.ratio)

    def _size(self, key: str) -> Window:
        """The grid's size for an image."""
        image = self.images.info(key)
        height, width = image.height // self.ratio, image.width // self.ratio
        if not height or not width:
            raise DataError(f"{key}: HR of {image.height}x{image.width} holds no cell of hsi.ratio {self.ratio}")
        return Window(0, 0, height, width)

    def _beyond(self, grid: Geotransform, size: Window, cube: str) -> float:
        """How far an image reaches beyond a cube, in the cube's pixels."""
        info = self.cubes.info(cube)
        columns, rows = outline_pixels(
            Grid(grid, size.height, size.width), Grid(self._cube_grid(cube), info.height, info.width)
        )
        if not np.isfinite([columns, rows]).all():
            return math.inf
        return float(max(-columns.min(), -rows.min(), columns.max() - info.width, rows.max() - info.height))


@dataclass(frozen=True)
class CubePixels:
    """One cube as a raster that can be warped: its holes are filled already."""

    cubes: CubeReader
    key: str
    geotransform: Geotransform

    @property
    def grid(self) -> Grid:
        return Grid(self.geotransform, self.height, self.width)

    @property
    def bands(self) -> list[int]:
        return self.cubes.bands(self.key)

    @property
    def height(self) -> int:
        return self.cubes.info(self.key).height

    @property
    def width(self) -> int:
        return self.cubes.info(self.key).width

    def read(self, window: Window) -> tuple[Array, Mask]:
        pixels = self.cubes.read(self.key, window)
        return pixels, np.ones(pixels.shape[:2], bool)

    def close(self) -> None:
        """The reader of all cubes stays open."""


def _misfit(image: Geotransform, size: ImageInfo, cube: Geotransform, cells: ImageInfo) -> str:
    """Why an image and a cube of one name cannot show the same ground; nothing where they can."""
    ratio = max(1, round(size.height / cells.height))
    ground = Grid(image, size.height // ratio * ratio, size.width // ratio * ratio)
    columns, rows = outline_pixels(ground, Grid(cube, cells.height, cells.width))
    if not np.isfinite([columns, rows]).all():
        return "their coordinate systems do not meet"
    apart = math.hypot(columns[0], rows[0])
    if apart > MOST_APART:
        return f"corners are {apart:.3g} pixels of the cube apart"
    side = float(np.ptp(columns)) / cells.width
    if abs(side - 1) > MOST_OFF:
        return f"the image covers {side:.2f} times the cube's width"
    return ""
