"""The STAC item of a restored scene: where it lies, its bands, and what it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterBand, RasterExtension

from refsr.archive.catalog import parsed_date
from refsr.archive.folder import ArchiveFolder
from refsr.archive.footprints import footprint_of
from refsr.archive.settings import ArchiveSettings, SceneWork
from refsr.geo.raster_source import RasterSource
from refsr.inference.evidence import ABOUT

COG = f"{pystac.MediaType.COG}"
UNKNOWN = datetime(1900, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)
"""Start and end where nothing says when a scene was taken: STAC wants a time."""
TAGS = {
    "REFSR_VERSION": "refsr:version",
    "REFSR_MODEL": "refsr:model",
    "REFSR_MODEL_SHA256": "refsr:model_sha256",
    "REFSR_LR_SHA256": "refsr:lr_sha256",
    "REFSR_RANGE": "refsr:range",
    "REFSR_TRUST": "refsr:trust",
    "REFSR_OPTIONS": "refsr:options",
}
"""Tags of a result, and the properties of its item that say the same."""
COLLECTION_LINK = "../../collection.json"
"""The collection as it is seen from an item."""


def scene_item(
    folder: ArchiveFolder, scene: SceneWork, draft: Mapping[str, Any], settings: ArchiveSettings
) -> dict[str, Any]:
    """The item of a scene whose result is there; `draft` is what is known of how it was made."""
    result = folder.result(scene.name)
    date = parsed_date(scene.date)
    span = {} if date is not None else {"start_datetime": UNKNOWN[0], "end_datetime": UNKNOWN[1]}
    with RasterSource(str(result)) as source:
        placed = source.grid is not None and source.grid.geotransform.crs is not None
        footprint = footprint_of(source.grid) if placed and source.grid is not None else None
        geometry = None if footprint is None else json.loads(shapely.to_geojson(footprint))
        bounds = None if footprint is None else list(footprint.bounds)
        item = pystac.Item(scene.name, geometry, bounds, date, {}, **span)  # type: ignore[arg-type]
        item.properties |= _provenance(source.tags, scene, draft)
        asset = pystac.Asset(f"./{result.name}", "Restored raster", None, COG, ["data"])
        item.add_asset("image", asset)
        _add_projection(item, source)
        _add_bands(asset, source)
    if settings.evidence and folder.evidence(scene.name).exists():
        about = "; ".join(f"{name}: {what}" for name, what in ABOUT.items())
        file = folder.evidence(scene.name)
        item.add_asset("evidence", pystac.Asset(f"./{file.name}", "Evidence", about, COG, ["metadata"]))
    thumbnail = folder.thumbnail(scene.name)
    item.add_asset("thumbnail", pystac.Asset(f"./{thumbnail.name}", None, None, pystac.MediaType.PNG, ["thumbnail"]))
    for relation in (pystac.RelType.COLLECTION, pystac.RelType.PARENT, pystac.RelType.ROOT):
        item.add_link(pystac.Link(relation, COLLECTION_LINK, pystac.MediaType.JSON))
    for path in (scene.path, *(one["href"] for one in draft.get("references", []) if one.get("accepted"))):
        item.add_link(pystac.Link(pystac.RelType.DERIVED_FROM, _address(path)))
    made = item.to_dict(include_self_link=False, transform_hrefs=False)
    made["collection"] = collection_id(folder)
    return made


def collection_id(folder: ArchiveFolder) -> str:
    """The identifier of an archive's collection: the name of its folder."""
    return folder.path.absolute().name or "archive"


def _provenance(tags: Mapping[str, str], scene: SceneWork, draft: Mapping[str, Any]) -> dict[str, Any]:
    figures = draft.get("figures", {})
    return {
        **{name: tags[tag] for tag, name in TAGS.items() if tag in tags},
        "refsr:lr": Path(scene.path).name,
        "refsr:references": draft.get("references", []),
        "refsr:refused_references": draft.get("refused", []),
        **{f"refsr:{name}": value for name, value in figures.items()},
        "refsr:notes": draft.get("lines", []),
    }


def _add_projection(item: pystac.Item, source: RasterSource) -> None:
    if source.grid is None or source.grid.geotransform.crs is None:
        return
    place = source.grid.geotransform
    code = place.coordinate_system().to_epsg()
    x, y = source.grid.outline()
    ProjectionExtension.ext(item, add_if_missing=True).apply(
        code=None if code is None else f"EPSG:{code}",
        wkt2=None if code is not None else place.coordinate_system().to_wkt(version="WKT2_2019"),
        bbox=[float(x.min()), float(y.min()), float(x.max()), float(y.max())],
        shape=[source.height, source.width],
        transform=[float(number) for number in place.transform],
    )
    item.properties["gsd"] = round(source.grid.pixel_metres, 4)


def _add_bands(asset: pystac.Asset, source: RasterSource) -> None:
    bands = []
    for about in source.all_bands:
        nodata = source.nodata
        band: dict[str, Any] = {
            "data_type": str(source.dtype),
            "nodata": "nan" if nodata is not None and nodata != nodata else nodata,
            "unit": about.unit,
            "scale": about.scale if (about.scale, about.offset) != (1.0, 0.0) else None,
            "offset": about.offset if (about.scale, about.offset) != (1.0, 0.0) else None,
        }
        bands.append(RasterBand({name: value for name, value in band.items() if value is not None}))
    RasterExtension.ext(asset, add_if_missing=True).apply(bands=bands)
    asset.extra_fields["bands"] = [
        {"name": about.description or f"band-{number}"} for number, about in enumerate(source.all_bands, 1)
    ]


def _address(path: str) -> str:
    """A path as a link that any reader of STAC understands."""
    return Path(path).absolute().as_uri() if Path(path).exists() else path
