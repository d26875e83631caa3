"""Which inputs are restored as rasters, by blocks and on any grids, and which as images in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from refsr.core.errors import DataError, UsageError
from refsr.core.foreign_files import resolved
from refsr.data.images import file_kind, named_kind, probe_image
from refsr.geo.data_arrays import is_data_array
from refsr.geo.raster import has_rasterio
from refsr.geo.raster_source import RasterLike, RasterSource
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.restorer import Restorer
from refsr.inference.scene import SUPPORTED
from refsr.inference.scene_opening import ON_GRID

IN_MEMORY = ("npy", "jpeg")
"""Kinds of output that are written in one piece."""

MOSAIC_SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img")
"""Of the files that a folder of references stands for."""
RASTER_FOLDERS = (".safe", ".zarr")
"""Suffixes of folders that GDAL opens as one raster."""

Sort = Literal["array", "image", "tiff", "raster"]


def as_rasters(restorer: Restorer, images: Mapping[str, Any], options: RestoreOptions, output: Path | None) -> bool:
    """Whether LR and its references are restored by blocks: TIFFs where nothing hinders it, and what only GDAL reads.

    A UsageError where that is needed and the network, or one of the inputs, does not allow it.
    """
    lr, *refs = raster_list(images)
    sorts = [sort_of(one) for one in (lr, *refs)]
    named_bands = any(isinstance(band, str) for band in (*(options.bands or ()), *(options.bands_ref or ())))
    needed = "raster" in sorts or len(refs) > 1 or named_bands or options.raster != RasterOptions()
    if not (needed or "tiff" in sorts or _needs_a_range(lr, sorts[0], options)):
        return False
    if output is not None and named_kind(output) in IN_MEMORY and not needed:
        return False
    obstacle = _obstacle(restorer, images, sorts, options)
    if obstacle and needed:
        raise UsageError(f"rasters cannot be restored here: {obstacle}")
    if obstacle and has_rasterio():
        for ref in refs:
            _check_same_ground(lr, ref, restorer.scale, obstacle)
    return not obstacle


def _check_same_ground(lr: RasterLike, ref: RasterLike, scale: int, obstacle: str) -> None:
    """A UsageError where both files lie on the ground, and would be paired pixel by pixel though they lie apart."""
    if not (sort_of(lr) == sort_of(ref) == "tiff"):
        return
    with RasterSource(lr) as first, RasterSource(ref) as second:
        if (
            first.grid is None
            or second.grid is None
            or None in (first.grid.geotransform.crs, second.grid.geotransform.crs)
        ):
            return
        if second.grid.apart(first.grid.finer(scale)) > ON_GRID:
            raise UsageError(
                f"{second.name}: {second.grid} lies on another grid than {first.name} at {first.grid.finer(scale)}, "
                f"and {obstacle}; refsr register --lr {first.name} --ref {second.name} -o OUT.tif lays it there"
            )


def raster_list(images: Mapping[str, Any]) -> list[RasterLike]:
    """LR and its references in order; a folder of references stands for the rasters in it, by name."""
    refs = images.get("ref")
    several = list(refs) if isinstance(refs, (list, tuple)) else [refs]
    return [images["lr"], *(one for ref in several if ref is not None for one in _mosaic(ref, images["lr"]))]


def _mosaic(ref: RasterLike, lr: RasterLike) -> list[RasterLike]:
    """The rasters of a folder but LR itself, which would stand for the others; or what is a raster already."""
    folder = Path(ref) if isinstance(ref, (str, Path)) else None
    if folder is None or not folder.is_dir() or folder.suffix.lower() in RASTER_FOLDERS:
        return [ref]
    own = resolved(Path(lr)) if isinstance(lr, (str, Path)) else None
    rasters = (file for file in folder.iterdir() if file.suffix.lower() in MOSAIC_SUFFIXES)
    found = sorted(file for file in rasters if resolved(file) != own)
    if not found:
        raise UsageError(f"{folder}: holds no raster beside LR ({', '.join(MOSAIC_SUFFIXES)})")
    return list(found)


def sort_of(image: RasterLike) -> Sort:
    """What reads it: nothing, an image reader, that of TIFFs, or GDAL alone. Names that mean nothing are images'."""
    if isinstance(image, np.ndarray):
        return "array"
    if not isinstance(image, (str, Path)):
        return "raster" if is_data_array(image) or hasattr(image, "read_masks") else "image"
    path = Path(image)
    if path.is_file():
        try:
            kind = file_kind(path)
        except DataError:
            return "raster"
        return "tiff" if kind == "tiff" else "image"
    return "raster" if path.is_dir() or str(image).startswith("/vsi") or ":" in str(image) else "image"


def _obstacle(restorer: Restorer, images: Mapping[str, Any], sorts: list[Sort], options: RestoreOptions) -> str:
    others = [role for role in images if role not in ("lr", "ref")]
    others += [name for name in restorer.inputs if name not in SUPPORTED and name not in others]
    if not has_rasterio():
        return "rasterio is missing; pip install 'refsr[geo]'"
    if options.bits is not None:
        return f"{options.spelling('bits')} is for images in memory only"
    if "array" in sorts:
        return "an array has no grid; expected files only"
    if others or restorer.samples:
        what = f"takes {', '.join(others)}" if others else "samples"
        return f"{restorer.card.spec.network} {what}, which is done for images in memory only"
    return ""


def _needs_a_range(lr: RasterLike, sort: Sort, options: RestoreOptions) -> bool:
    """Whether LR is a file of 16 bits whose range nobody declares: it is measured on the scene."""
    if sort != "image" or options.range is not None or not isinstance(lr, (str, Path)):
        return False
    if not has_rasterio() or not Path(lr).is_file():
        return False
    return probe_image(lr).dtype == "uint16" and file_kind(Path(lr)) != "npy"
