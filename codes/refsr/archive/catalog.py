"""The scenes of a catalog: a STAC ItemCollection or catalog, a GeoParquet or CSV file, or a folder of rasters."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import shapely

from refsr.archive.footprints import footprint_of
from refsr.core.errors import DataError, UsageError, nearest
from refsr.core.foreign_files import parse_json, require_file
from refsr.geo.raster_source import RasterSource, is_remote

RASTERS = (".tif", ".tiff", ".jp2", ".vrt", ".img")
"""Suffixes of what a folder of rasters is searched for."""
KINDS = "a STAC ItemCollection or catalog (.json, .geojson), a .parquet or .csv file, or a folder of rasters"
STATIC = ("catalog.json", "collection.json")
"""Of a folder: files that make it a static STAC catalog."""
COLUMNS = {
    "path": "what GDAL opens",
    "id": "a name (default: the file's)",
    "datetime": "ISO 8601",
    "cloud_cover": "percent",
    "references": "paths, separated by |; of GeoParquet also a list",
}
"""Of a table; `path` is needed."""
RESULT_COLUMNS = ("references_used",)
"""Of the table that an archive makes: near to another name, and no mistake."""
GEOGRAPHIC = "GeographicCRS"
"""The type that PROJJSON gives to a CRS of longitude and latitude."""
UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class CatalogScene:
    """A raster of a catalog, and what the catalog says of it."""

    name: str
    """Its identifier, and the name of its files in an archive."""
    path: str
    """What GDAL opens."""
    footprint: Any = None
    """A shapely geometry in degrees of longitude and latitude; None where the catalog does not say it."""
    date: datetime | None = None
    pixel: float | None = None
    """Side of its pixels in metres."""
    clouds: float | None = None
    """Percent of it under clouds."""
    references: tuple[str, ...] = ()
    """Those that the catalog lists for it, the preferred first."""

    def measured(self) -> CatalogScene:
        """The same with the footprint and the pixel size that its file has, where the catalog says none."""
        if self.footprint is not None and self.pixel is not None:
            return self
        with RasterSource(self.path) as source:
            if source.grid is None or source.grid.geotransform.crs is None:
                raise DataError(f"{self.path}: lies nowhere on the ground, so that no reference is found for it")
            found = footprint_of(source.grid) if self.footprint is None else self.footprint
            return replace(self, footprint=found, pixel=self.pixel or source.grid.pixel_metres)

    def require_footprint(self) -> None:
        """A DataError where its footprint is none that others can be intersected with."""
        if self.footprint is None or not shapely.is_valid(self.footprint):
            raise DataError(f"{self.path}: its footprint is no valid polygon")


def read_catalog(catalog: Path, asset: str | None = None) -> Iterator[CatalogScene]:
    """The scenes of a catalog in its order, each under a name of its own; `asset` names the raster of STAC items."""
    taken: dict[str, str] = {}
    count = 0
    for scene in _scenes(catalog, asset):
        count += 1
        name = UNSAFE.sub("-", scene.name).strip(".-") or f"scene-{count}"
        if name in taken:
            raise DataError(f"{catalog}: {name} is the name of two scenes, {taken[name]} and {scene.path}")
        taken[name] = scene.path
        yield replace(scene, name=name)
    if not count:
        raise DataError(f"{catalog}: holds no scene")


def _scenes(catalog: Path, asset: str | None) -> Iterator[CatalogScene]:
    suffix = catalog.suffix.lower()
    if is_searched(catalog):
        return _from_folder(catalog)
    if catalog.is_dir():
        catalog, suffix = next(catalog / name for name in STATIC if (catalog / name).is_file()), ".json"
    require_file(catalog)
    if suffix in (".json", ".geojson"):
        from refsr.archive.stac_catalog import scenes_from_stac

        return scenes_from_stac(catalog, asset)
    if suffix == ".parquet":
        return _from_parquet(catalog)
    if suffix == ".csv":
        return _from_csv(catalog)
    raise UsageError(f"{catalog}: is no catalog; expected {KINDS}")


def is_searched(catalog: Path) -> bool:
    """Whether a catalog is a folder whose rasters are found by looking, at any depth."""
    return catalog.is_dir() and not any((catalog / name).is_file() for name in STATIC)


def _from_folder(folder: Path) -> Iterator[CatalogScene]:
    # Workers may run in another folder than this command.
    folder = folder.absolute()
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        # In hidden folders are the blocks of runs that were interrupted.
        hidden = any(part.startswith(".") for part in parts)
        if file.suffix.lower() in RASTERS and not hidden and file.is_file():
            yield CatalogScene("-".join(file.relative_to(folder).with_suffix("").parts), str(file))


def overlooked_columns(catalog: Path) -> list[str]:
    """A line for each column of a table that is ignored and has nearly the name of one that the table lacks."""
    readers = {".csv": _csv_table, ".parquet": _parquet_table}
    reader = readers.get(catalog.suffix.lower())
    if reader is None or not catalog.is_file():
        return []
    with reader(catalog) as (columns, _):
        found = []
        for name in columns:
            word = name.strip().lower()
            # Half of all words are near to one of two letters.
            lacking = [known for known in COLUMNS if known not in columns and (len(known) > 2 or known == word)]
            meant = None if name in (*COLUMNS, *RESULT_COLUMNS) else nearest(word, lacking)
            if meant is not None:
                found.append(f"{catalog}: its column {name!r} is ignored; did you mean {meant}?")
    return found


@contextlib.contextmanager
def _csv_table(file: Path) -> Iterator[tuple[Sequence[str], Any]]:
    """The names of the columns of a CSV file, and what reads its rows."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle)
            yield rows.fieldnames or [], rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: is no table in UTF-8: {error}") from error


@contextlib.contextmanager
def _parquet_table(file: Path) -> Iterator[tuple[Sequence[str], Any]]:
    """The names of the columns of a GeoParquet file, and the file, open."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as table:
            yield table.schema_arrow.names, table
    except (pyarrow.ArrowException, shapely.errors.ShapelyError) as error:
        raise DataError(f"{file}: cannot be read as GeoParquet: {error}") from error


def _from_csv(file: Path) -> Iterator[CatalogScene]:
    with _csv_table(file) as (columns, rows):
        _check_columns(file, columns)
        for row in rows:
            yield _from_row(row, file, f"line {rows.line_num}")


def _from_parquet(file: Path) -> Iterator[CatalogScene]:
    with _parquet_table(file) as (names, table):
        columns = [name for name in (*COLUMNS, "geometry") if name in names]
        _check_columns(file, columns)
        _check_geometry(file, table.schema_arrow.metadata or {})
        number = 0
        for batch in table.iter_batches(1024, columns=columns):
            for row in batch.to_pylist():
                number += 1
                # A table of results has rows of scenes that could not be restored.
                if row["path"] is not None:
                    geometry = row.pop("geometry", None)
                    scene = _from_row(row, file, f"row {number}")
                    yield replace(scene, footprint=None if geometry is None else shapely.from_wkb(geometry))


def _check_columns(file: Path, columns: Any) -> None:
    if "path" not in columns:
        raise DataError(f"{file}: has no column path (it has {', '.join(columns)}; known: {', '.join(COLUMNS)})")


def _check_geometry(file: Path, metadata: Mapping[bytes, bytes]) -> None:
    """A DataError where GeoParquet's metadata say that footprints are other than WKB in longitude and latitude."""
    about = parse_json(metadata.get(b"geo", b"{}"), file, "GeoParquet")
    column = (about.get("columns") or {}).get("geometry") or {}
    if (encoding := column.get("encoding", "WKB")) != "WKB":
        raise DataError(f"{file}: its geometry is encoded as {encoding}; expected WKB")
    # Where it names none, GeoParquet means OGC:CRS84.
    crs = column.get("crs", {"type": GEOGRAPHIC}) or {}
    if crs.get("type") != GEOGRAPHIC:
        code = crs.get("id") or {}
        known = f"{code['authority']}:{code['code']}" if {"authority", "code"} <= code.keys() else crs.get("name")
        raise DataError(f"{file}: its geometry is in {known or 'an unknown CRS'}; expected longitude and latitude")


def _from_row(row: Mapping[str, Any], file: Path, where: str) -> CatalogScene:
    path, given = str(row["path"] or ""), row.get("references") or ""
    if not path:
        raise DataError(f"{file}: {where} has no path")
    listed = given if isinstance(given, list) else str(given).split("|")
    references = tuple(_beside(file, one.strip()) for one in listed if one and one.strip())
    try:
        return CatalogScene(
            str(row.get("id") or Path(path).stem), _beside(file, path), None, parsed_date(row.get("datetime")), None,
            parsed_number(row.get("cloud_cover")), references,
        )  # fmt: skip
    except ValueError as error:
        raise DataError(f"{file}: {where}: {error}") from error


def _beside(file: Path, path: str) -> str:
    """A path as it is seen from a file; names of GDAL's stay."""
    if is_remote(path) or path.startswith("/vsi") or Path(path).is_absolute():
        return path
    return str(file.parent.absolute() / path)


def parsed_date(given: Any) -> datetime | None:
    """A date in UTC, which it is in already where no time zone is named; a ValueError for other text."""
    if given in (None, ""):
        return None
    found: datetime | None = given if isinstance(given, datetime) else None
    if found is None:
        with contextlib.suppress(ValueError):
            found = datetime.fromisoformat(str(given).strip().replace("Z", "+00:00"))
    if found is None:
        raise ValueError(f"{given!r} is no date; expected ISO 8601, such as 2024-06-01T10:30:00Z")
    return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found.astimezone(timezone.utc)


def parsed_number(given: Any) -> float | None:
    """A number, None where nothing is given or no number is known; a ValueError for other text."""
    found = math.nan if given in (None, "") else float(given)
    return found if math.isfinite(found) else None
