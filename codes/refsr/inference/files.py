"""Restores image files: one, or a folder of them, resumable."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError, UsageError
from refsr.core.foreign_files import resolved
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.cubes.folder import CubeFolder
from refsr.data.images import (
    IMAGE_SUFFIXES,
    Array,
    ImageInfo,
    encode,
    info_of,
    named_kind,
    probe_image,
    read_image,
    write_image,
)
from refsr.data.pairing import paired_keys
from refsr.data.ranges import declared
from refsr.data.stores.base import Store
from refsr.data.stores.checksums import check_listed
from refsr.data.stores.folder import FolderStore
from refsr.data.stores.opening import open_store
from refsr.geo.raster import has_rasterio
from refsr.inference.evidence import about, bands_of, require_tiff
from refsr.inference.georeference import keep_empty, read_tags, restored_tags
from refsr.inference.inputs import ImageLike, RestoreOptions, describe_mask, require_image
from refsr.inference.raster_inputs import as_rasters, raster_list
from refsr.inference.registered import REFUSED
from refsr.inference.restorer import Restorer
from refsr.inference.spread import SAMPLES, Plane


@dataclass(frozen=True)
class SpreadOptions:
    """Where the map of the standard deviation over seeds goes, and how many there are."""

    output: Path
    samples: int = SAMPLES


@dataclass(frozen=True)
class RestoreReport:
    """How many images a folder has, and how many of them this call restored."""

    images: int
    restored: int
    refused: int = 0
    """References that this call refused."""


LOG = logging.getLogger(__name__)

DEFAULT = RestoreOptions()
DESCRIPTION = "TIFFTAG_IMAGEDESCRIPTION"


def restore_file(
    restorer: Restorer,
    images: Mapping[str, ImageLike],
    output: Path,
    options: RestoreOptions = DEFAULT,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
    spread: SpreadOptions | None = None,
    announce: Callable[[str], None] = LOG.info,
    evidence: Path | None = None,
) -> ImageInfo:
    """Restores `images` (lr, ref, mask, ...) to `output`; a GeoTIFF lies on the ground where LR does, or else Ref.

    `evidence` is the TIFF that the planes of evidence go to, on the result's grid.

    Rasters are restored by blocks on whatever grids they lie, and `announce` gets a line for each decision; other
    images are restored in memory. A TIFF's description says where the change mask came from. Where checksums lie beside
    a file, it must agree with them.
    """
    for image in images.values():
        if isinstance(image, (str, Path)):
            check_listed(Path(image))
    return _restore_file(restorer, images, output, options, overwrite, progress, spread, announce, evidence)


def _restore_file(
    restorer: Restorer,
    images: Mapping[str, ImageLike],
    output: Path,
    options: RestoreOptions,
    overwrite: bool,
    progress: ProgressFactory,
    spread: SpreadOptions | None,
    announce: Callable[[str], None],
    evidence: Path | None,
) -> ImageInfo:
    if evidence is not None:
        if spread is not None:
            raise UsageError("evidence and a spread are made by two calls")
        _check_evidence(evidence)
        _check_beside(evidence, output, "evidence")
        options = replace(options, evidence=True)
    if spread is None and as_rasters(restorer, images, options, output):
        from refsr.inference.rasters import restore_raster

        lr, *refs = raster_list(images)
        _check_target(output, {"lr": lr, **{f"ref {number}": ref for number, ref in enumerate(refs, 1)}}, overwrite)
        return restore_raster(restorer, lr, refs, output, options, overwrite, progress, announce, evidence).info
    for role, image in images.items():
        require_image(image, role)
    files = {role: Path(image) for role, image in images.items() if isinstance(image, (str, Path))}
    _check_target(output, files, overwrite)
    lr = images["lr"]
    kind = str(lr.dtype) if isinstance(lr, np.ndarray) else probe_image(lr).dtype
    _check_output(output, "uint16" if options.bits == 16 else kind, restorer.channels)
    beside = evidence if spread is None else spread.output
    if beside is not None and beside.exists() and not overwrite:
        raise UsageError(f"{beside}: is there already (--overwrite replaces it)")
    names: Sequence[str]
    if spread is None:
        restored, planes_beside = restorer.explained_images(images, options, progress, announce)
        names = bands_of(restorer.trust(options))
        tags = about(names)
    else:
        if spread.output.suffix.lower() not in (".tif", ".tiff"):
            raise UsageError(
                f"{spread.output}: a spread is kept as a TIFF of floats; expected a name that ends in .tif"
            )
        _check_beside(spread.output, output, "a spread")
        restored, deviation = restorer.spread_images(images, options, spread.samples, progress, announce)
        low, high = (0, 65535) if options.bits == 16 else declared(kind, options.range, "LR", options.spelling("range"))
        planes_beside, names = _spread_planes(restorer, spread, deviation, high - low)
        tags = {}
    planes: Array = restored if restored.ndim == 3 else restored[:, :, None]
    profile: dict[str, Any] = {}
    if named_kind(output) == "tiff" and has_rasterio():
        lr_tags, ref_tags = (read_tags(files[role]) if role in files else None for role in ("lr", "ref"))
        place = restored_tags(lr_tags, ref_tags, restorer.scale)
        profile = {} if place is None else place.profile()
        if restorer.takes_mask:
            profile["tags"] = {DESCRIPTION: describe_mask(options.made_mask, restorer.scale)}
        if place is not None and place.nodata is not None:
            keep_empty(planes, read_image(files["lr"]), place.nodata, restorer.scale)
    if beside is not None and planes_beside is not None:
        own = {name: value for name, value in profile.items() if name in ("crs", "transform")}
        if "nodata" in profile:
            keep_empty(planes_beside, read_image(files["lr"]), profile["nodata"], restorer.scale, math.nan)
            own["nodata"] = math.nan
        write_image(beside, planes_beside, profile={**own, "descriptions": names, "tags": tags})
    write_image(output, planes, profile=profile)
    return info_of(planes)


def restore_folder(
    restorer: Restorer,
    folders: Mapping[str, Path],
    target: Path,
    options: RestoreOptions = DEFAULT,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
) -> RestoreReport:
    """Restores the images of `folders` (lr, ref, mask, ...), paired by name, to files of the same names in `target`.

    Those that are there already are left, so a repeated call does the rest. Images that cannot be restored do not stop
    the others; the first is named at the end.
    """
    stores = {role: _store(role, folder) for role, folder in folders.items()}
    for folder in folders.values():
        if target.resolve() == folder.resolve() or folder.resolve() in target.resolve().parents:
            raise UsageError(f"{target}: lies inside {folder}, whose images are restored; choose a folder beside it")
    keys = paired_keys(stores)
    restored, refused, broken = 0, 0, []

    def note(line: str) -> None:
        nonlocal refused
        refused += line.startswith(REFUSED)
        LOG.debug(line)

    with progress("restoring", len(keys)) as bar:
        for key in keys:
            output = target / f"{key}{_suffix(stores['lr'], key)}"
            if overwrite or not output.exists():
                try:
                    images = {role: _image(store, key) for role, store in stores.items()}
                    _restore_file(restorer, images, output, options, overwrite, no_progress, None, note, None)
                    restored += 1
                except DataError as error:
                    broken.append(str(error))
            bar.advance(note=key)
    if broken:
        more = f" (and {len(broken) - 1} more images)" if len(broken) > 1 else ""
        raise DataError(f"{broken[0]}{more}; all others are restored, a rerun does the rest")
    return RestoreReport(len(keys), restored, refused)


def _spread_planes(restorer: Restorer, spread: SpreadOptions, deviation: Plane, unit: float) -> tuple[Array, list[str]]:
    """The deviation over seeds and, of calibrated models, half the width of the 90 % interval that it stands for."""
    intervals = restorer.spread_intervals
    planes, names = [deviation], [f"deviation over {spread.samples} seeds"]
    if intervals is not None and intervals.samples == spread.samples:
        planes.append(intervals.half_width(deviation, unit))
        names.append("half of the 90 % interval")
    elif intervals is not None:
        LOG.warning(
            "%s: has no intervals, the model's intervals are for --samples %d", spread.output, intervals.samples
        )
    return np.stack(planes, axis=2), names


def _check_evidence(evidence: Path) -> None:
    require_tiff(evidence)
    if not has_rasterio():
        raise UsageError(f"{evidence}: evidence is kept as a GeoTIFF, which needs rasterio; pip install 'refsr[geo]'")


def _check_beside(file: Path, output: Path, what: str) -> None:
    if resolved(file) == resolved(output):
        raise UsageError(f"{file}: is the result itself; {what} needs a file of its own")


def _check_target(output: Path, inputs: Mapping[str, object], overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise UsageError(f"{output}: is there already (--overwrite replaces it)")
    for role, image in inputs.items():
        if isinstance(image, (str, Path)) and resolved(Path(image)) == resolved(output):
            raise UsageError(f"{output}: is {role} itself; choose another name")


def _store(role: str, folder: Path) -> Store:
    """A folder or LMDB; a folder of cubes may hold formats that no image has."""
    store = open_store(folder)
    return CubeFolder(folder) if role == "hsi" and isinstance(store, FolderStore) else store


def _image(store: Store, key: str) -> ImageLike:
    """An image by its file, where it has one, so that messages and georeferences can name it."""
    return store.verified_file(key) if isinstance(store, FolderStore) else store.read(key)


def _suffix(store: Store, key: str) -> str:
    """That of LR's file, but for JPEG, which would lose again what was restored."""
    if isinstance(store, FolderStore):
        suffix = store.file(key).suffix.lower()
        return ".png" if suffix in (".jpg", ".jpeg") else suffix
    info = store.info(key)
    if info.dtype != "float32" and info.bands in (1, 3, 4):
        return ".png"
    return ".tif" if has_rasterio() else ".npy"


def _check_output(output: Path, dtype: str, bands: int) -> None:
    """Says before the work what could not be written after it."""
    kind = named_kind(output)
    if kind is None:
        known = ", ".join(IMAGE_SUFFIXES)
        raise UsageError(f"{output}: no image format has the suffix {output.suffix!r} (known: {known})")
    if kind in ("png", "jpeg") or (kind == "tiff" and not has_rasterio()):
        encode(np.zeros((1, 1, bands), dtype), kind, name=output)
    folder = output.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"{output}: {folder} is no folder that can be written to")
    if output.is_dir():
        raise UsageError(f"{output}: is a folder; expected a file's name")
