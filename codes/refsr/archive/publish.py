"""What an archive is published as: a STAC collection of all items, and a GeoParquet table of all scenes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from refsr.archive.folder import ArchiveFolder
from refsr.archive.items import COG, collection_id
from refsr.core.atomic import atomic_file, write_text
from refsr.core.errors import DataError
from refsr.core.foreign_files import read_record

STAC_VERSION = "1.1.0"
DESCRIPTION = "Scenes restored by refsr: each item says with which model and references."
WORLD = [-180.0, -90.0, 180.0, 90.0]
ROWS = 4096
"""Of the table that are in memory at once."""


@dataclass
class Extent:
    """Where and when the scenes of an archive lie."""

    bounds: list[float] | None = None
    first: str | None = None
    last: str | None = None

    def add(self, item: Mapping[str, Any]) -> None:
        """Grows by an item."""
        if (box := item.get("bbox")) is not None:
            known = self.bounds or box
            self.bounds = [*map(min, known[:2], box[:2]), *map(max, known[2:], box[2:])]
        if (date := item["properties"].get("datetime")) is not None:
            self.first = date if self.first is None else min(self.first, date)
            self.last = date if self.last is None else max(self.last, date)


def publish(folder: ArchiveFolder, aside: Mapping[str, str]) -> int:
    """Writes the collection and the table of all scenes that are done, and of those that could not be; how many are."""
    extent, links = Extent(), []

    def rows() -> Iterator[dict[str, Any]]:
        for name in folder.finished():
            item = read_item(folder, name)
            extent.add(item)
            links.append({"rel": "item", "href": f"./scenes/{name}/{name}.json", "type": "application/geo+json"})
            yield _row(folder, item)
        yield from (
            {**EMPTY, "id": name, "state": "failed", "reason": reason} for name, reason in sorted(aside.items())
        )

    _write_table(folder.index, rows(), extent)
    write_text(folder.collection, json.dumps(_collection(folder, extent, links), indent=1) + "\n")
    return len(links)


EMPTY: dict[str, Any] = dict.fromkeys(
    ("path", "state", "reason", "datetime", "gsd", "coverage", "references_used", "model_sha256", "geometry")
)


def _row(folder: ArchiveFolder, item: Mapping[str, Any]) -> dict[str, Any]:
    name, about = str(item["id"]), item["properties"]
    used = [one["id"] for one in about["refsr:references"] if one.get("accepted")]
    geometry = item["geometry"] and shapely.to_wkb(shapely.from_geojson(json.dumps(item["geometry"])))
    return {
        "id": name, "path": str(folder.result(name).relative_to(folder.path)), "state": "done", "reason": None,
        "datetime": about["datetime"], "gsd": about.get("gsd"), "coverage": about.get("refsr:coverage"),
        "references_used": used, "model_sha256": about.get("refsr:model_sha256"), "geometry": geometry,
    }  # fmt: skip


def _write_table(file: Path, rows: Iterator[dict[str, Any]], extent: Extent) -> None:
    import pyarrow
    from pyarrow import parquet

    text, number = pyarrow.string(), pyarrow.float64()
    kinds = {"gsd": number, "coverage": number, "references_used": pyarrow.list_(text), "geometry": pyarrow.binary()}
    names = ["id", *EMPTY]
    schema = pyarrow.schema([(name, kinds.get(name, text)) for name in names])
    with atomic_file(file) as sink, parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(rows, ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
        writer.add_key_value_metadata({"geo": json.dumps(_geo(extent))})


def _geo(extent: Extent) -> dict[str, Any]:
    """The metadata by which GeoParquet 1.1 says what the geometry column is: WKB in longitude and latitude."""
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"]}
    if extent.bounds is not None:
        column["bbox"] = extent.bounds
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _collection(folder: ArchiveFolder, extent: Extent, links: list[dict[str, str]]) -> dict[str, Any]:
    own = [
        {"rel": "root", "href": "./collection.json", "type": "application/json"},
        {"rel": "alternate", "href": "./index.html", "type": "text/html"},
    ]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": collection_id(folder),
        "description": DESCRIPTION,
        "license": "other",
        "extent": {
            "spatial": {"bbox": [extent.bounds or WORLD]},
            "temporal": {"interval": [[extent.first, extent.last]]},
        },
        "item_assets": {"image": {"type": COG, "roles": ["data"]}},
        "assets": {
            "index": {"href": "./index.parquet", "type": "application/vnd.apache.parquet", "roles": ["metadata"],
                      "title": "GeoParquet table of all scenes"},
        },
        "links": [*own, *links],
    }  # fmt: skip


def read_item(folder: ArchiveFolder, name: str) -> dict[str, Any]:
    """The item of a scene that is done."""
    found = read_record(folder.item(name))
    if not isinstance(found, dict) or "properties" not in found:
        raise DataError(f"{folder.item(name)}: is no STAC item; remove it, and the same command makes it anew")
    return found
