"""Makes a world on disk: scenes over processes, whole or not there, the same whatever the number of workers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from refsr.core.atomic import explain_io, sweep, write_text
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.foreign_files import read_record
from refsr.core.processes import spread
from refsr.core.progress import ProgressFactory, no_progress
from refsr.geo.geotransform import Geotransform
from refsr.worlds.geo import check_geo
from refsr.worlds.knobs import HARDENING, PIXEL, REF_GRID, Knobs
from refsr.worlds.layouts import CLASS_TABLE, class_table

GENERATOR = 1
"""Counts up when the same knobs give other pixels than before; a world of another generator is not continued."""
DESCRIPTION = "world.json"
RECORDS = "places"
CLASSES = ("unchanged", "water", "ground", "low vegetation", "tree", "building", "playground")
# The five that published sets store as JPEG; truth never is.
PHOTOGRAPHS = ("HR", "LR", "LR_UX", "Ref", "Ref_DUX")


@dataclass(frozen=True)
class WorldReport:
    """What a run did."""

    made: int
    kept: int


def make_world(target: Path, knobs: Knobs, workers: int = 2, progress: ProgressFactory = no_progress) -> WorldReport:
    """Brings the world of these knobs into the folder `target`, making it or completing it."""
    if workers < 1:
        raise UsageError(f"workers {workers} is out of range, 1 or more is allowed")
    if knobs.geo:
        check_geo()
    _check_target(target, knobs)
    sweep(target)
    names = [scene_name(index) for index in range(knobs.places)]
    _describe(target, knobs, {})
    if knobs.layout == "refdiff":
        write_text(target / CLASS_TABLE, class_table(CLASSES))
    missing = [index for index, name in enumerate(names) if _whole(target, name) is None]
    try:
        if missing:
            with (
                progress("drawing", len(missing)) as bar,
                spread(partial(_make, target, knobs), missing, workers) as done,
            ):
                for name in done:
                    bar.advance(note=name)
    finally:
        with contextlib.suppress(RefsrError):
            found = {name: _whole(target, name) for name in names}
            _describe(target, knobs, {name: record for name, record in found.items() if record is not None})
    return WorldReport(len(missing), len(names) - len(missing))


def scene_name(index: int) -> str:
    """What all files of a scene are called; it never changes when a world grows."""
    return f"{index:06d}"


def _make(target: Path, knobs: Knobs, index: int) -> str:
    """One scene, in a worker; its record is written last and says that all files are there."""
    import cv2

    from refsr.worlds.scene_pair import make_scene_pair

    cv2.setNumThreads(1)
    pair = make_scene_pair(knobs, index)
    name, split = scene_name(index), knobs.split_of(index)
    home = pair.draws.geotransform
    places = {"LR": home.coarser(knobs.scale), "hsi": home.coarser(knobs.cell)}
    if pair.ref_grid is not None:
        places["Ref"] = pair.ref_grid.geotransform
    files = [
        _write(target, f"{split}/{kind}/{name}", kind, image, knobs, places.get(kind, home))
        for kind, image in pair.images.items()
    ]
    record = {"split": split, "files": files, **pair.record}
    write_text(target / RECORDS / f"{name}.json", json.dumps(record, indent=1) + "\n")
    return name


def _write(target: Path, stem: str, kind: str, image: Any, knobs: Knobs, geotransform: Geotransform) -> str:
    """Writes one image and returns its file's path below the target."""
    from refsr.data.images import write_image
    from refsr.geo.raster import has_rasterio
    from refsr.worlds.geo import write_geotiff
    from refsr.worlds.spectra import make_bands

    if kind == "hsi" and has_rasterio():
        bands = make_bands(knobs.bands)
        says = [
            f"{centre:.1f} nm, FWHM {width:.1f} nm" for centre, width in zip(bands.centres, bands.widths, strict=True)
        ]
        write_geotiff(target / f"{stem}.tif", image, geotransform if knobs.geo else None, says)
        return f"{stem}.tif"
    if kind in ("flow", "hsi"):
        suffix = ".npy"
    elif knobs.geo:
        write_geotiff(target / f"{stem}.tif", image, geotransform)
        return f"{stem}.tif"
    else:
        suffix = ".jpg" if knobs.jpeg and kind.rstrip("0123456789") in PHOTOGRAPHS else ".png"
    write_image(target / f"{stem}{suffix}", image, knobs.jpeg or None)
    return f"{stem}{suffix}"


def _check_target(target: Path, knobs: Knobs) -> None:
    """A new or empty folder, or one that holds a part of this very world."""
    with explain_io(target):
        if not target.exists():
            return
        if not target.is_dir():
            raise DataError(f"{target}: is a file; a world is a folder")
        if not any(target.iterdir()):
            return
    description = target / DESCRIPTION
    if not description.is_file():
        raise DataError(f"{target}: is not empty and holds no world; choose another folder")
    found = read_record(description, "description of a world")
    try:
        before, generator = dict(found["knobs"]), found["generator"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{description}: is not a world's description; choose another folder") from None
    if generator != GENERATOR:
        raise DataError(f"{target}: was made by generator {generator}, this is {GENERATOR}; choose another folder")
    now = dataclasses.asdict(knobs)
    # Worlds that were made before a knob was there have it as it is when nobody asks for it.
    since = {"layout": None, "softness": 0.0, "hardness": 0.0, **dict.fromkeys((*REF_GRID, *HARDENING))}
    before = {**since, "ref_south_up": False, **before}
    other = [name for name in now if before.get(name, ...) != now[name] and name != "places"]
    if other or set(before) - set(now):
        says = "; ".join(
            f"{name} {before.get(name)!r} there, {now.get(name)!r} now" for name in [*other, *(set(before) - set(now))]
        )
        raise DataError(f"{target}: holds a world of other knobs ({says}); choose another folder")
    if before["places"] > knobs.places:
        raise DataError(
            f"{target}: holds a world of {before['places']} places, more than {knobs.places}; it can only grow"
        )


def _whole(target: Path, name: str) -> dict[str, Any] | None:
    """The record of a scene whose files are all there."""
    try:
        record: dict[str, Any] = read_record(target / RECORDS / f"{name}.json")
        files: Sequence[str] = record["files"]
        return record if all((target / file).is_file() for file in files) else None
    except (DataError, KeyError, TypeError):
        return None


def _describe(target: Path, knobs: Knobs, places: dict[str, Any]) -> None:
    """Writes what the world is, so that it can be made again from this file alone."""
    from refsr.worlds.spectra import REFLECTANCE_UNIT, make_bands

    description: dict[str, Any] = {
        "format": "refsr world",
        "generator": GENERATOR,
        "knobs": dataclasses.asdict(knobs),
        "pixel_metres": PIXEL,
        "classes": CLASSES,
        "flow": "(row, column) to add to an HR pixel's place to stand on the same surface point in Ref",
    }
    if knobs.bands:
        bands = make_bands(knobs.bands)
        description["cube"] = {
            "reflectance_unit": REFLECTANCE_UNIT,
            "centres_nm": [round(float(value), 3) for value in bands.centres],
            "fwhm_nm": [round(float(value), 3) for value in bands.widths],
        }
    description["places"] = places
    write_text(target / DESCRIPTION, json.dumps(description, indent=1) + "\n")
