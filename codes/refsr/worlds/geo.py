"""Where on Earth a place lies, and GeoTIFFs that say so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError
from refsr.data.images import has_rasterio


@dataclass(frozen=True)
class Georeference:
    """The upper left corner of an image in a UTM zone, and its pixel, in metres."""

    epsg: int
    east: float
    north: float
    pixel: float

    def coarser(self, factor: int) -> Georeference:
        """The same corner with pixels `factor` times as large."""
        return Georeference(self.epsg, self.east, self.north, self.pixel * factor)


def draw_georeference(generator: np.random.Generator, latitude: float, pixel: float) -> Georeference:
    """Somewhere at this latitude, in the UTM zone of a random longitude, the corner on whole metres."""
    zone = int(generator.integers(1, 61))
    # A degree of latitude is 110.6 to 111.7 km, which UTM shortens by 0.04 % at most: near enough for a made-up place.
    north = round(latitude * 110_900)
    east = round(500_000 + float(generator.uniform(-200_000, 200_000)))
    southern = latitude < 0
    return Georeference((32700 if southern else 32600) + zone, east, north + (10_000_000 if southern else 0), pixel)


def check_geo() -> None:
    """Refuses georeferencing where the extra that can do it is missing."""
    if not has_rasterio():
        raise DataError("geo: writing GeoTIFFs needs rasterio; pip install 'refsr[geo]'")


def write_geotiff(
    path: Path, image: npt.NDArray[Any], place: Georeference | None, bands: list[str] | None = None
) -> None:
    """(H, W[, C]) as a GeoTIFF with its coordinate system and, where given, the bands' descriptions."""
    import warnings

    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    planes = image[:, :, None] if image.ndim == 2 else image
    height, width, count = planes.shape
    colour = count == 3 and planes.dtype in (np.uint8, np.uint16)
    profile: dict[str, Any] = {"photometric": "RGB" if colour else "MINISBLACK", "compress": "deflate"}
    if planes.dtype != np.float32:
        profile["predictor"] = 2
    if place is not None:
        profile["crs"] = f"EPSG:{place.epsg}"
        profile["transform"] = from_origin(place.east, place.north, place.pixel, place.pixel)
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(
            driver="GTiff", height=height, width=width, count=count, dtype=str(planes.dtype), **profile
        ) as sink:
            sink.write(np.moveaxis(planes, 2, 0))
            for number, text in enumerate(bands or [], 1):
                sink.set_band_description(number, text)
        write_bytes(path, bytes(memory.read()))
