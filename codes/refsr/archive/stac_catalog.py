"""Scenes of STAC items: of an ItemCollection in one file, or of a catalog with all that it links to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.stac_io import DefaultStacIO

from refsr.archive.catalog import CatalogScene, parsed_date, parsed_number
from refsr.core.errors import DataError, listed, suggestion
from refsr.core.foreign_files import parse_json, read_bytes

MOST_BYTES = 1 << 30
"""Of one file of a catalog."""
PREFERRED = ("image", "visual", "data")
"""Assets that are taken where an item has several rasters and nobody names one."""
RASTER_TYPES = ("image/tiff", "image/jp2", "image/png")
UNREADABLE = (
    pystac.STACError, pystac.STACTypeError, shapely.errors.ShapelyError, KeyError, TypeError, ValueError, OSError,
)  # fmt: skip
"""What pystac and shapely raise where a catalog is no STAC."""
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt")


class LocalFiles(DefaultStacIO):
    """Reads the files of a catalog from disk, each through the gate of foreign files, and nothing from elsewhere."""

    def read_text_from_href(self, href: str) -> str:
        if "://" in href:
            raise DataError(f"{href}: a catalog is read from disk; fetch it first (its rasters may lie anywhere)")
        return read_bytes(Path(href), MOST_BYTES).decode("utf-8-sig")


def scenes_from_stac(file: Path, asset: str | None) -> Iterator[CatalogScene]:
    """The scenes of all items, in the order of the file or of its links."""
    content = parse_json(read_bytes(file, MOST_BYTES), file)
    if not isinstance(content, dict):
        raise DataError(f"{file}: is no STAC: expected an object")
    home = str(file.absolute())
    try:
        for item in _items(content, home):
            yield _scene(item, home, asset)
    except UNREADABLE as error:
        raise DataError(f"{file}: is no STAC that can be read: {type(error).__name__}: {error}") from error


def _items(content: dict[str, Any], home: str) -> Iterator[pystac.Item]:
    kind = content.get("type")
    if kind == "FeatureCollection":
        for feature in content.get("features", []):
            item = pystac.Item.from_dict(feature, preserve_dict=False)
            if item.get_self_href() is None:
                item.set_self_href(home)
            yield item
    elif kind == "Feature":
        yield pystac.Item.from_dict(content, href=home)
    elif kind in ("Catalog", "Collection"):
        root = pystac.read_dict(content, href=home, stac_io=LocalFiles())
        assert isinstance(root, pystac.Catalog)
        yield from root.get_items(recursive=True)
    else:
        raise DataError(f"{home}: is of type {kind!r}; expected a STAC FeatureCollection, Catalog or Collection")


def _scene(item: pystac.Item, home: str, asset: str | None) -> CatalogScene:
    key = _asset_of(item, asset)
    found = item.assets[key].get_absolute_href() or item.assets[key].href
    geometry = None if item.geometry is None else shapely.from_geojson(json.dumps(item.geometry))
    when = item.datetime or parsed_date(item.properties.get("start_datetime"))
    return CatalogScene(
        item.id, found, geometry, parsed_date(when), parsed_number(item.properties.get("gsd")),
        parsed_number(item.properties.get("eo:cloud_cover")),
    )  # fmt: skip


def _asset_of(item: pystac.Item, wanted: str | None) -> str:
    keys = list(item.assets)
    if wanted is not None:
        if wanted not in item.assets:
            raise DataError(f"item {item.id} has no asset {wanted!r}{suggestion(wanted, keys)} ({listed(keys)})")
        return wanted
    rasters = [key for key, one in item.assets.items() if _is_raster(one)]
    for key in (*PREFERRED, *rasters[: len(rasters) == 1]):
        if key in rasters:
            return key
    raise DataError(
        f"item {item.id} has {len(rasters)} rasters ({listed(rasters)}); name one: "
        "--asset KEY, of references --ref-asset KEY"
    )


def _is_raster(asset: pystac.Asset) -> bool:
    roles = asset.roles or []
    kind = (asset.media_type or "").partition(";")[0]
    if "thumbnail" in roles or "overview" in roles or "metadata" in roles:
        return False
    return kind in RASTER_TYPES or asset.href.lower().endswith(RASTER_SUFFIXES)
