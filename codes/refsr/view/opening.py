"""Opens the named files as a scene: the plane of the finest one, and each where its georeference says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError, UsageError
from refsr.data.images import read_image
from refsr.geo.band_choice import bands_to_show
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import may_meet
from refsr.geo.raster_source import RasterSource, is_remote
from refsr.inference.evidence import ABOUT
from refsr.inference.raster_inputs import sort_of
from refsr.view.layers import Layer, Legend, Role, open_dataset
from refsr.view.plane import MOST_LEVELS, Placement, Plane, corner_to_corner
from refsr.view.scene import Scene
from refsr.view.tiled import write_tiled

FINER = 4
"""Pixels of the plane along the side of one of LR, at least: a result has a place on it."""
COLOURS = {"borrowed": "magma", "coverage": "cividis", "change": "inferno", "uncertainty": "viridis"}
"""The colour scale of each plane of evidence."""


@dataclass(frozen=True)
class NamedFile:
    """A file to show, and what it is of the scene."""

    role: Role
    source: str
    name: str = ""
    """What it is called on the page; empty: its file's name."""

    @property
    def shown_name(self) -> str:
        return self.name or self.source.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True)
class Opened:
    """A file that was opened once, and what it says of itself."""

    file: NamedFile
    source: str
    """What is read: the file, or the tiled copy of an image."""
    grid: Grid | None
    size: tuple[int, int]
    bands: tuple[str, ...]
    numbers: tuple[int, ...]
    dtype: str
    shown: tuple[int, ...]
    overviews: tuple[int, ...]


def open_scene(files: Sequence[NamedFile], folder: Path, name: str = "") -> Scene:
    """The named files as layers; copies of images, which have no tiles, are kept in `folder`."""
    if not files:
        raise UsageError("nothing to show; expected the names of rasters or images")
    opened = [_opened(file, folder, number) for number, file in enumerate(files)]
    base = _base(opened)
    _check_ground(opened)
    placed = [(one, *_placed(one, base)) for one in opened]
    plane = Plane(_plane_grid(placed, base))
    if plane.levels > MOST_LEVELS:
        raise DataError(f"{opened[0].file.shown_name}: is too large to be shown")
    scene = Scene(plane, name or opened[0].file.shown_name)
    for one, place, note in placed:
        for layer in layers_of(one, Placement(plane.grid.geotransform, place), note):
            scene.add(layer)
    return scene


def layers_of(one: Opened, placement: Placement, note: str = "") -> list[Layer]:
    """The layer of a file; of evidence one for each of its bands."""

    def layer(**about: Any) -> Layer:
        grid = "" if one.grid is None else str(one.grid)
        given: dict[str, Any] = {
            "key": "", "name": one.file.shown_name, "role": one.file.role, "bands": one.bands,
            "numbers": one.numbers, "shown": one.shown,
        }  # fmt: skip
        given |= {"source": one.source, "placement": placement, "height": one.size[0], "width": one.size[1]}
        given |= {"dtype": one.dtype, "grid": grid, "note": note, "overviews": one.overviews}
        return Layer(**given | about)

    if one.file.role != "evidence":
        made = [layer()]
    else:
        made = [
            layer(name=f"{one.file.shown_name}: {band}", bands=(band,), numbers=(number,), shown=(number,),
                  legend=_legend(band))
            for band, number in zip(one.bands, one.numbers, strict=True)
        ]  # fmt: skip
    for each in made:
        if not all(map(math.isfinite, each.bounds)):
            raise DataError(f"{one.file.shown_name}: does not lie where the other layers do")
    return made


def opened_raster(file: NamedFile) -> Opened:
    """A raster as it is."""
    try:
        with RasterSource(file.source) as source:
            infos = source.all_bands
            numbers = source.bands
            names = tuple(infos[number - 1].description or f"band {number}" for number in numbers)
            shown = bands_to_show(file.shown_name, infos, numbers)
            found = source.dtype
            return Opened(
                file, file.source, source.grid, (source.height, source.width), names, numbers, str(found), shown,
                _overviews(file.source),
            )  # fmt: skip
    except DataError as error:
        raise DataError(str(error).replace(file.source, file.shown_name)) from error


def _opened(file: NamedFile, folder: Path, number: int) -> Opened:
    if sort_of(file.source if is_remote(file.source) else Path(file.source)) != "image":
        return opened_raster(file)
    copy = folder / f"image{number}.tif"
    write_tiled(copy, read_image(Path(file.source)))
    return opened_raster(NamedFile(file.role, str(copy), file.shown_name))


def _overviews(source: str) -> tuple[int, ...]:
    with open_dataset(source) as dataset:
        return tuple(dataset.overviews(1))


def _base(opened: Sequence[Opened]) -> Grid:
    """The grid that all are placed by: that of LR, else of the first with one, else of the largest image's pixels."""
    by_role = sorted(opened, key=lambda one: one.file.role != "lr")
    placed = [one.grid for one in by_role if one.grid is not None]
    named = [grid for grid in placed if grid.geotransform.crs is not None]
    if placed:
        return named[0] if named else placed[0]
    height, width = max((one.size for one in opened), key=lambda size: size[0] * size[1])
    return Grid(Geotransform(None, IDENTITY), height, width)


def _placed(one: Opened, base: Grid) -> tuple[Geotransform, str]:
    """Where a layer lies, and what is to be said of that."""
    if one.grid is not None:
        if one.grid.geotransform.crs is None and base.geotransform.crs is not None:
            return one.grid.geotransform, "names no coordinate system; that of LR is taken"
        return one.grid.geotransform, ""
    note = "" if base.geotransform.is_identity else "no georeference; laid on LR corner to corner"
    mine, theirs = one.size[1] / one.size[0], base.width / base.height
    if base.geotransform.is_identity and abs(mine / theirs - 1) > 0.01:
        note = "has other proportions than the largest image; laid on it corner to corner"
    return corner_to_corner(one.size, base), note


def _plane_grid(placed: Sequence[tuple[Opened, Geotransform, str]], base: Grid) -> Grid:
    """The grid of the finest layer, or LR's made finer where all are coarser than that."""
    pixels = [_pixel_on(base, one, place) for one, place, _ in placed]
    finest = int(np.argmin(pixels))
    lr = next((number for number, (one, _, _) in enumerate(placed) if one.file.role == "lr"), None)
    if lr is not None and pixels[lr] / FINER < pixels[finest] * 0.999:
        one, place, _ = placed[lr]
        return Grid(place.finer(FINER), one.size[0] * FINER, one.size[1] * FINER)
    one, place, _ = placed[finest]
    return Grid(place, *one.size)


def _pixel_on(base: Grid, one: Opened, place: Geotransform) -> float:
    """The side of a layer's pixel in its middle, in pixels of the base."""
    row, column = one.size[0] / 2, one.size[1] / 2
    x, y = Placement(base.geotransform, place).to_plane([column, column + 1, column], [row, row, row + 1])
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    side = math.sqrt(abs(float(area)))
    return side if math.isfinite(side) and side > 0 else math.inf


def _check_ground(opened: Sequence[Opened]) -> None:
    """A DataError where a raster lies on other ground than the first."""
    placed = [(one.file.shown_name, one.grid) for one in opened if one.grid is not None]
    named = [(name, grid) for name, grid in placed if grid.geotransform.crs is not None]
    for name, grid in named[1:]:
        first, base = named[0]
        if not may_meet(base, grid):
            raise DataError(f"{name}: shows other ground, {grid.extent()}, than {first}, {base.extent()}")


def _legend(band: str) -> Legend:
    high = 1.0 if band in ABOUT and band != "uncertainty" else None
    return Legend(band, ABOUT.get(band, ""), COLOURS.get(band, "viridis"), 0.0, high)
