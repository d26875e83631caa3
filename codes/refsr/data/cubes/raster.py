"""Cubes as GeoTIFF, by rasterio: any count of bands, wavelengths from tags or descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.cubes.cube_file import CubeFile, CubeInfo, cube_size
from refsr.data.cubes.wavelengths import from_texts, in_nanometres
from refsr.data.images import Array
from refsr.geo.geotransform import Geotransform
from refsr.geo.raster import geotransform_of, rasterio_open


def open_raster(file: Path) -> CubeFile:
    """The cube in a TIFF."""
    with rasterio_open(file) as source:
        info = cube_size((source.height, source.width, source.count), source.dtypes[0], file)
        try:
            cube_info = CubeInfo(_wavelengths(source, file), nodata=source.nodata, geotransform=located(source))
        except UnicodeDecodeError as error:
            raise DataError(f"{file}: broken or unsupported TIFF: what it says of its bands is no text") from error

    def values(window: Window, chosen: Sequence[int] | None) -> Array:
        rows = (window.top, window.top + window.height)
        columns = (window.left, window.left + window.width)
        with rasterio_open(file) as source:
            planes = source.read(None if chosen is None else [band + 1 for band in chosen], window=(rows, columns))
        image: Array = np.moveaxis(planes, 0, 2)
        return image

    return CubeFile(file, info, cube_info, values)


def located(source: Any) -> Geotransform | None:
    """The geotransform of an open raster that has both a coordinate system and a grid."""
    found = geotransform_of(source)
    return None if found is None or found.crs is None or found.is_identity else found


def _wavelengths(source: Any, file: Path) -> tuple[float, ...] | None:
    numbers = range(1, source.count + 1)
    known = [source.tags(number, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM") for number in numbers]
    unit: str | None = "um"
    if None in known:
        tags = [{key.lower(): value for key, value in source.tags(number).items()} for number in numbers]
        known = [tag.get("wavelength") for tag in tags]
        unit = tags[0].get("wavelength_units", tags[0].get("wavelength_unit"))
    if None in known:
        return from_texts(source.descriptions)
    try:
        return in_nanometres([float(text) for text in known], unit, file)
    except ValueError:
        raise DataError(f"{file}: a band's tag for its wavelength is not a number") from None
