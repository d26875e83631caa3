"""`refsr register`: one raster or image laid on the fine grid of another, without a network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError, UsageError
from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.core.version import __version__
from refsr.core.window import Window
from refsr.geo.band_pairing import compared_bands
from refsr.geo.disk_space import check_disk
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import check_overlap, one_system, reprojected
from refsr.geo.raster_digest import raster_digest
from refsr.geo.raster_sink import RasterProfile, RasterSink
from refsr.geo.raster_source import RasterLike, RasterSource
from refsr.geo.rounding import as_type
from refsr.geo.value_range import find_range, sampled
from refsr.geo.warped import WarpedRaster, field_under
from refsr.inference.raster_job import output_format
from refsr.inference.registered import REFUSED
from refsr.inference.scene_registration import (
    RegisteredRaster,
    ScenePair,
    grid_under,
    register_by_image,
    register_georeferenced,
)
from refsr.registration import RegistrationOptions, SceneRegistration
from refsr.registration.options import Mode
from refsr.registration.transforms import pixels

LOG = logging.getLogger(__name__)
USUAL_SCALE = 4
"""Where neither pixel sizes nor sizes say another."""
MOST_SCALE = 64
BLOCK = 1024
"""Pixels of the fine grid along the side of what is warped at once."""
SPACING = 64
"""Pixels of the fine grid between tie points where a displacement at each pixel was found."""


@dataclass(frozen=True)
class Points:
    """(n,) each: what belongs together on the fine grid and in Ref; pixel centres are whole numbers."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    right: npt.NDArray[Any]
    """By how many pixels of the fine grid Ref showed the point elsewhere than it was assumed."""
    down: npt.NDArray[Any]
    ref_x: npt.NDArray[Any]
    """Where the point lies in Ref, in its pixels."""
    ref_y: npt.NDArray[Any]
    likeness: npt.NDArray[Any]
    kept: npt.NDArray[np.bool_]
    """Whether the point agrees with the others."""


@dataclass(frozen=True)
class FileRegistration:
    """A reference registered to LR, both open."""

    pair: ScenePair
    mode: Mode
    assumed: Grid
    """Where Ref's own pixels were taken to lie before."""
    made: RegisteredRaster

    @property
    def after(self) -> WarpedRaster:
        """Ref on the fine grid."""
        return WarpedRaster(Regridded(self.pair.ref, self.made.grid), self.pair.grid, self.made.displacement)

    @property
    def before(self) -> WarpedRaster:
        """Ref on the fine grid, where it was assumed."""
        return WarpedRaster(Regridded(self.pair.ref, self.assumed), self.pair.grid)

    def points(self) -> Points:
        """Tie points, or what the displacement says every SPACING pixels."""
        found, grid = self.made.found, self.pair.grid
        if isinstance(found, SceneRegistration):
            tied = found.tie_points
            x, y, right, down, likeness, kept = tied.x, tied.y, tied.right, tied.down, tied.likeness, found.kept
        else:
            rows, columns = (max(1, round(side / SPACING)) for side in (grid.height, grid.width))
            across = np.rint((np.arange(columns) + 0.5) * grid.width / columns - 0.5)
            along = np.rint((np.arange(rows) + 0.5) * grid.height / rows - 0.5)
            x, y = (line.ravel() for line in np.meshgrid(across, along))
            right, down = self._local(x, y).T
            likeness = self._weight(x, y)
            kept = likeness > 0.5
        ref_x, ref_y = pixels_at(grid, self.made.grid, x + right, y + down)
        if self.made.grid is not self.assumed:
            # Laid by image: both grids are in LR's coordinate system.
            place = self.assumed.geotransform.point(ref_x + 0.5, ref_y + 0.5)
            column, row = grid.geotransform.pixel(*place)
            right, down = column - 0.5 - x, row - 0.5 - y
        return Points(x, y, right, down, ref_x, ref_y, likeness, kept)

    def _local(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The displacement (n, 2) at pixels of the fine grid."""
        if self.made.displacement is None:
            return np.zeros((len(x), 2))
        return self._at(self.made.displacement, x, y)

    def _weight(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.made.weight is None:
            return np.ones(len(x))
        return self._at(self.made.weight[:, :, None], x, y)[:, 0]

    def _at(self, field: npt.NDArray[Any], x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A field (rows, columns, C) at pixels of the fine grid, (n, C)."""
        windows = [Window(int(row), int(column), 1, 1) for column, row in zip(x, y, strict=True)]
        return np.stack([field_under(field, one, self.pair.grid)[0, 0] for one in windows])


class Regridded:
    """A raster read as if it lay on another grid; the raster itself is not changed."""

    def __init__(self, source: RasterSource, grid: Grid) -> None:
        self.grid: Grid | None = grid
        self.bands, self.height, self.width = source.bands, source.height, source.width
        self.read, self.close = source.read, source.close


@contextmanager
def registered_files(
    lr: RasterLike,
    ref: RasterLike,
    mode: Mode = "auto",
    scale: int | None = None,
    progress: ProgressFactory = no_progress,
    announce: Announce = LOG.info,
    bands: Sequence[int | str] | None = None,
    bands_ref: Sequence[int | str] | None = None,
) -> Iterator[FileRegistration]:
    """Opens two rasters or images and registers the second to the first; a DataError with reasons where it is refused.

    The fine grid is LR's, finer by `scale`: the ratio of pixel sizes, or of sizes where nothing says where they lie.
    Compared are `bands` of LR with `bands_ref`, by default those that a network would take; all bands are laid.
    """
    RegistrationOptions(mode=mode)
    with RasterSource(lr) as source, RasterSource(ref) as other:
        factor = _scale(source, other) if scale is None else scale
        if not 1 <= factor <= MOST_SCALE:
            raise UsageError(f"scale {factor} is out of range, 1 to {MOST_SCALE} is allowed")
        low = source.grid or Grid(Geotransform(None, IDENTITY), source.height, source.width)
        grid = low.finer(factor)
        nowhere = source.grid is None or other.grid is None
        if nowhere:
            stretch = pixels(other.width / grid.width, other.height / grid.height)
            assumed = grid_under(grid, stretch, other.height, other.width)
        else:
            assert other.grid is not None
            assumed = other.grid
            check_overlap(grid, [(other.name, assumed)])
        other.grid = assumed
        all_of_both = source.bands, other.bands
        if mode != "none":
            _take_compared(source, other, bands or (), bands_ref or (), announce)
        spans = [find_range(one, sampled(one), None) for one in (source, other)]
        pair = ScenePair(source, spans[0], other, spans[1], grid, factor)
        if mode == "none":
            made = RegisteredRaster(None, None, assumed, True, "Ref is taken as it lies")
        else:
            made = (register_by_image if nowhere else register_georeferenced)(pair, mode, progress)
        if not made.accepted:
            reasons = made.line.removeprefix(f"{REFUSED}: ").removesuffix("; restored without a reference")
            raise DataError(f"{other.name}: is not registered to {source.name}: {reasons}")
        announce(f"{other.name}: {made.line}")
        for one, every in zip((source, other), all_of_both, strict=True):
            one.take(every)
        yield FileRegistration(pair, mode, assumed, made)


def _take_compared(
    lr: RasterSource,
    ref: RasterSource,
    wanted: Sequence[int | str],
    wanted_ref: Sequence[int | str],
    announce: Announce,
) -> None:
    """Has both read the bands that are compared, and says which where these are not all."""
    own, other = compared_bands(lr, ref, wanted, wanted_ref)
    for role, one, choice in (("LR", lr, own), ("Ref", ref, other)):
        if set(choice.bands) != set(one.bands):
            announce(f"{role}: {one.name}: compared: {choice}")
        one.take(choice.bands)


def write_registered(
    found: FileRegistration,
    output: Path,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
    write_beside: Callable[[], None] = lambda: None,
) -> None:
    """Writes Ref on LR's fine grid, in its own type and bands, block by block; a repeated call goes on.

    `write_beside` writes what else there is of it, before the result is in place, so that a result lacks nothing.
    """
    ref, grid = found.pair.ref, found.pair.grid
    placed = found.pair.lr.grid is not None
    made_of: dict[str, Any] = {
        "refsr": __version__,
        "LR": raster_digest(found.pair.lr),
        "Ref": raster_digest(ref),
        "scale": found.pair.scale,
        "mode": found.mode,
        "registration": found.made.digest,
    }
    tags: dict[str, str] = {
        "REFSR_VERSION": __version__,
        "REFSR_REGISTRATION": found.mode,
        "REFSR_REGISTERED": found.made.line,
    }
    tags |= {"REFSR_LR_SHA256": made_of["LR"], "REFSR_REF_SHA256": made_of["Ref"]}
    profile = RasterProfile(
        grid.height, grid.width, str(ref.dtype), [ref.all_bands[band - 1] for band in ref.bands],
        grid.geotransform if placed else None, ref.nodata, output.suffix.lower() != ".png", tags,
    )  # fmt: skip
    sink = RasterSink(output, profile, made_of, output_format(output, None, profile))
    check_disk(output, 2 * grid.height * grid.width * len(ref.bands) * ref.dtype.itemsize)
    sink.open(overwrite)
    windows = [
        Window(top, left, min(BLOCK, grid.height - top), min(BLOCK, grid.width - left))
        for top in range(0, grid.height, BLOCK)
        for left in range(0, grid.width, BLOCK)
    ]
    warped = found.after
    with progress("warping", len(windows)) as bar:
        for window in windows:
            if not sink.has(window):
                values, valid = warped.read(window)
                sink.write(window, as_type(np.where(valid[:, :, None], values, 0), ref.dtype), valid)
            bar.advance()
    write_beside()
    sink.finish(windows)


def points_geojson(found: FileRegistration) -> dict[str, Any]:
    """Tie points as GeoJSON: in longitude and latitude, or in the fine grid's pixels where LR lies nowhere."""
    points, grid = found.points(), found.pair.grid
    x, y = grid.geotransform.point(points.x + 0.5, points.y + 0.5)
    about: dict[str, Any] = {"coordinates": "pixels of LR's fine grid, from the outer corner of the first one"}
    if grid.geotransform.crs is not None:
        from rasterio.warp import transform

        x, y = (np.asarray(line) for line in transform(grid.geotransform.coordinate_system(), "EPSG:4326", x, y))
        about = {"coordinates": "longitude and latitude (WGS 84)"}
    members = zip(
        x, y, points.x, points.y, points.right, points.down, points.ref_x, points.ref_y, points.likeness, points.kept,
        strict=True,
    )  # fmt: skip
    names = ("x", "y", "right", "down", "ref_x", "ref_y", "likeness")
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(float(east), 9), round(float(north), 9)]},
            "properties": {
                **{name: round(float(value), 3) for name, value in zip(names, values[:-1], strict=True)},
                "kept": bool(values[-1]),
            },
        }
        for east, north, *values in members
    ]
    about |= {"scale": found.pair.scale, "registered": found.made.line}
    return {"type": "FeatureCollection", "properties": about, "features": features}


def _scale(lr: RasterSource, ref: RasterSource) -> int:
    if lr.grid is not None and ref.grid is not None:
        ratio = lr.grid.pixel_metres / ref.grid.pixel_metres
        if np.isfinite(ratio):
            return max(1, round(float(ratio)))
    ratios = {ref.height / lr.height, ref.width / lr.width}
    if len(ratios) == 1 and (ratio := ratios.pop()) == round(ratio) and ratio > 1:
        return round(ratio)
    return USUAL_SCALE


def pixels_at(
    fine: Grid, grid: Grid, x: npt.NDArray[Any], y: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Points of the fine grid in the pixels of another; pixel centres are whole numbers."""
    east, north = fine.geotransform.point(x + 0.5, y + 0.5)
    one, other = fine.geotransform, grid.geotransform
    if not one_system(one, other):
        east, north = reprojected(one, grid, np.asarray(east), np.asarray(north))
    column, row = other.pixel(east, north)
    return column - 0.5, row - 0.5
