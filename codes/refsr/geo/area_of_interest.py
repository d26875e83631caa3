"""An area of interest from GeoJSON (RFC 7946): which pixels of a grid have their centre in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError
from refsr.core.foreign_files import parse_json, read_text
from refsr.core.window import Window
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Floats, Grid, described_extent
from refsr.geo.projection import reprojected
from refsr.geo.raster_source import gdal_errors
from refsr.geo.validity import Mask

RFC_7946 = "EPSG:4326"
"""The coordinate system of GeoJSON that names none."""
STEPS = 32
"""Parts into which each edge is cut before it is brought to another coordinate system, where it is no straight line."""
CONTAINERS = {"FeatureCollection": "features", "GeometryCollection": "geometries"}


class OutOfReachError(DataError):
    """Points that a coordinate system does not know."""


@dataclass(frozen=True)
class AreaOfInterest:
    """Polygons of a file in its own coordinate system: each a list of rings (points, 2), the first the outer one."""

    name: str
    crs: str | None
    polygons: tuple[tuple[Floats, ...], ...]

    def extent(self) -> str:
        """Its bounds for messages."""
        points = np.concatenate([polygon[0] for polygon in self.polygons])
        return described_extent(self.geotransform, points[:, 0], points[:, 1])

    @property
    def geotransform(self) -> Geotransform:
        """Its coordinate system, as that of pixels which are its units."""
        return Geotransform(self.crs, IDENTITY)

    @classmethod
    def rectangle(cls, name: str, crs: str | None, box: Sequence[float]) -> AreaOfInterest:
        """The area between left, bottom, right and top."""
        left, bottom, right, top = box
        ring = np.array([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)], np.float64)
        return cls(name, crs, ((ring,),))

    def swapped(self) -> AreaOfInterest:
        """The area with x and y in each other's place."""
        return replace(self, polygons=tuple(tuple(ring[:, ::-1] for ring in polygon) for polygon in self.polygons))

    def on(self, grid: Grid) -> AreaOnGrid:
        """The area in the columns and rows of a grid."""
        if grid.geotransform.crs is None and self.crs is not None:
            raise DataError(f"{self.name}: is in {self.crs}, and the raster names no coordinate system")
        same = self.crs == grid.geotransform.crs or self.geotransform.same_crs(grid.geotransform)
        polygons = []
        for polygon in self.polygons:
            rings = []
            for ring in polygon:
                points = ring if same else _in_steps(ring)
                x, y = points[:, 0], points[:, 1]
                if not same:
                    x, y = self._reprojected(grid, x, y)
                columns, rows = grid.geotransform.pixel(x, y)
                if not (np.isfinite(columns).all() and np.isfinite(rows).all()):
                    raise OutOfReachError(
                        f"{self.name}: has points that the raster's CRS does not reach ({self.extent()})"
                    )
                rings.append(np.stack([columns, rows], axis=1))
            polygons.append(tuple(rings))
        return AreaOnGrid(tuple(polygons))

    def _reprojected(self, grid: Grid, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        try:
            return reprojected(self.geotransform, grid, x, y)
        except gdal_errors() as error:
            raise OutOfReachError(
                f"{self.name}: cannot be brought to the raster's CRS ({self.extent()}): {error}"
            ) from error


@dataclass(frozen=True)
class AreaOnGrid:
    """An area as polygons whose points are columns and rows of a grid."""

    polygons: tuple[tuple[Floats, ...], ...]

    def bounds(self) -> tuple[float, float, float, float]:
        """The least and the largest column and row: left, top, right, bottom."""
        points = np.concatenate([polygon[0] for polygon in self.polygons])
        (left, top), (right, bottom) = points.min(0), points.max(0)
        return float(left), float(top), float(right), float(bottom)

    def mask(self, window: Window) -> Mask:
        """(height, width): which pixels under a window have their centre in the area."""
        from rasterio.features import rasterize
        from rasterio.transform import Affine

        shapes = [{"type": "Polygon", "coordinates": [ring.tolist() for ring in polygon]} for polygon in self.polygons]
        place = Affine.translation(window.left, window.top)
        found = rasterize(
            shapes, (window.height, window.width), transform=place, fill=0, default_value=1, dtype="uint8"
        )
        inside: Mask = found > 0
        return inside


def read_area(path: str | Path) -> AreaOfInterest:
    """The polygons of a GeoJSON file: a Polygon, MultiPolygon, Feature, FeatureCollection or GeometryCollection."""
    content = parse_json(read_text(Path(path)), path, "GeoJSON")
    if not isinstance(content, dict) or "type" not in content:
        raise DataError(f"{path}: is no GeoJSON: expected an object with a type, such as a Feature")
    try:
        polygons = tuple(_polygon(str(path), rings) for rings in _polygons(str(path), content))
    except RecursionError:
        raise DataError(f"{path}: its GeoJSON is nested too deep") from None
    if not polygons:
        raise DataError(f"{path}: holds no polygon")
    return AreaOfInterest(str(path), _system(str(path), content), polygons)


def _system(name: str, content: Mapping[str, Any]) -> str:
    """The system that GeoJSON of 2008 names in a member `crs`; RFC 7946's where there is none."""
    named = content.get("crs")
    if named is None:
        return RFC_7946
    try:
        text = str(named["properties"]["name"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{name}: its crs names no coordinate system: {json.dumps(named)[:60]}") from error
    # Longitude comes first in GeoJSON whatever the order of the system's own axes.
    text = RFC_7946 if text.upper().endswith("CRS84") else text
    Geotransform(text, IDENTITY).coordinate_system()
    return text


def _polygons(name: str, content: Any) -> Iterator[Any]:
    """The coordinates of each polygon in a piece of GeoJSON."""
    kind = content.get("type") if isinstance(content, dict) else None
    if kind in CONTAINERS:
        for part in content.get(CONTAINERS[kind]) or ():
            yield from _polygons(name, part)
    elif kind == "Feature":
        if content.get("geometry") is not None:
            yield from _polygons(name, content["geometry"])
    elif kind == "Polygon":
        yield content.get("coordinates")
    elif kind == "MultiPolygon":
        yield from content.get("coordinates") or ()
    else:
        raise DataError(f"{name}: holds a {kind}; an area of interest is made of Polygons and MultiPolygons")


def _polygon(name: str, rings: Any) -> tuple[Floats, ...]:
    try:
        found = tuple(np.asarray([point[:2] for point in ring], np.float64) for ring in rings)
        whole = bool(found) and all(ring.ndim == 2 and ring.shape[1] == 2 and len(ring) >= 4 for ring in found)
    except (TypeError, ValueError):
        whole = False
    if not whole or not all(np.isfinite(ring).all() for ring in found):
        raise DataError(f"{name}: has a polygon whose rings are not lists of at least four points (x, y)")
    if any((ring[0] != ring[-1]).any() for ring in found):
        raise DataError(f"{name}: has a ring that does not end where it begins")
    return found


def _in_steps(ring: Floats) -> Floats:
    """A ring with STEPS - 1 more points on each edge."""
    part = np.arange(STEPS)[None, :, None] / STEPS
    edges = ring[:-1, None] * (1 - part) + ring[1:, None] * part
    points: Floats = np.concatenate([edges.reshape(-1, 2), ring[-1:]])
    return points
