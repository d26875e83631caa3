"""Registrations kept beside the blocks of a result, so that another call or another process does not repeat them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from refsr import __version__
from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError
from refsr.core.foreign_files import parse_json, read_bytes
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.raster_digest import raster_digest
from refsr.inference.inputs import RestoreOptions
from refsr.inference.scene_registration import RegisteredRaster, ScenePair, registration_mode

FILE = "registrations.npz"
MOST_BYTES = 1 << 30
PLANES = ("displacement", "weight")


class KeptRegistrations:
    """The registrations of one scene's references, each under a digest of all that it depends on."""

    def __init__(self, folder: Path) -> None:
        """Takes over those of an earlier call; a damaged file counts as none."""
        self._made: dict[str, RegisteredRaster] = {}
        self._new = False
        if (folder / FILE).exists():
            with contextlib.suppress(DataError, ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile):
                self._made = _unpacked(read_bytes(folder / FILE, MOST_BYTES))

    def find(self, key: str) -> RegisteredRaster | None:
        return self._made.get(key)

    def add(self, key: str, made: RegisteredRaster) -> None:
        self._made[key], self._new = made, True

    def write(self, folder: Path) -> None:
        """Keeps them in a folder, if there are new ones."""
        if self._new:
            write_bytes(folder / FILE, _packed(self._made))
            self._new = False


def registration_key(pair: ScenePair, nowhere: bool, options: RestoreOptions) -> str:
    """SHA-256 of all that the registration of a reference depends on."""
    depends_on = (
        __version__, raster_digest(pair.lr), raster_digest(pair.ref), pair.lr.bands, pair.ref.bands, pair.lr.window,
        pair.lr_range, pair.ref_range, pair.lr.nodata, pair.ref.nodata, pair.lr.grid, pair.ref.grid, pair.grid,
        pair.scale, nowhere, registration_mode(options),
    )  # fmt: skip
    return hashlib.sha256(repr(depends_on).encode()).hexdigest()


def _packed(made: dict[str, RegisteredRaster]) -> bytes:
    records: dict[str, Any] = {}
    planes: dict[str, Any] = {}
    for key, one in made.items():
        transform = one.grid.geotransform
        records[key] = {
            "grid": [transform.crs, list(transform.transform), one.grid.height, one.grid.width],
            "accepted": one.accepted, "line": one.line, "figures": dict(one.figures),
        }  # fmt: skip
        planes |= {f"{key}-{name}": plane for name in PLANES if (plane := getattr(one, name)) is not None}
    file = io.BytesIO()
    np.savez(file, records=np.array(json.dumps(records)), **planes)
    return file.getvalue()


def _unpacked(content: bytes) -> dict[str, RegisteredRaster]:
    found = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        for key, record in parse_json(str(file["records"]), FILE).items():
            crs, transform, height, width = record["grid"]
            displacement, weight = (file[name] if (name := f"{key}-{plane}") in file else None for plane in PLANES)
            grid = Grid(Geotransform(crs, tuple(transform)), height, width)
            found[key] = RegisteredRaster(
                displacement, weight, grid, record["accepted"], record["line"], figures=record["figures"]
            )
    return found
