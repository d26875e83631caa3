"""Completes a Zarr store (version 2) with what GDAL's driver leaves out when it copies a raster into one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsr.geo.geotransform import Geotransform
from refsr.geo.raster_source import BandInfo

CONSOLIDATED = ".zmetadata"


def complete_zarr(
    store: Path, geotransform: Geotransform | None, nodata: float | None, bands: Sequence[BandInfo]
) -> None:
    """Writes the coordinate system, the value of empty pixels, scale, offset and unit where readers look for them."""
    named = geotransform is not None and geotransform.crs is not None
    crs = geotransform.coordinate_system().to_wkt() if geotransform is not None and named else None
    consolidated = json.loads((store / CONSOLIDATED).read_text(encoding="utf-8"))
    for file in store.glob("*/.zarray"):
        array = json.loads(file.read_text(encoding="utf-8"))
        if len(array["shape"]) < 2:
            # The coordinates of columns and rows.
            continue
        attributes = json.loads(file.with_name(".zattrs").read_text(encoding="utf-8"))
        if crs is not None:
            attributes["_CRS"] = {"wkt": crs}
        attributes |= _physical(bands)
        if nodata is not None:
            array["fill_value"] = _as_json(nodata, array["dtype"])
        for name, content in ((".zarray", array), (".zattrs", attributes)):
            _write(file.with_name(name), content)
            consolidated["metadata"][f"{file.parent.name}/{name}"] = content
    _write(store / CONSOLIDATED, consolidated)


def one_scale(bands: Sequence[BandInfo]) -> bool:
    """Whether all bands have one scale and offset: a store has one for all."""
    return len({(band.scale, band.offset) for band in bands}) == 1


def _physical(bands: Sequence[BandInfo]) -> dict[str, Any]:
    """What makes physical values of stored ones, as the CF conventions spell it."""
    found: dict[str, Any] = {}
    first = bands[0]
    if (first.scale, first.offset) != (1.0, 0.0):
        found |= {"scale_factor": first.scale, "add_offset": first.offset}
    if first.unit is not None and all(band.unit == first.unit for band in bands):
        found["units"] = first.unit
    return found


def _as_json(value: float, dtype: str) -> float | int | str:
    """As Zarr spells it: a number of the array's kind, or a word."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value if "f" in dtype else int(value)


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")
