"""Where on Earth a scene lies, and GeoTIFFs that say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError
from refsr.geo.geotransform import Geotransform
from refsr.geo.raster import has_rasterio


def draw_geotransform(generator: np.random.Generator, latitude: float, pixel: float) -> Geotransform:
    """Somewhere at this latitude, in the UTM zone of a random longitude, the corner on whole metres."""
    zone = int(generator.integers(1, 61))
    # A degree of latitude is 110.6 to 111.7 km, which UTM shortens by 0.04 % at most: near enough for a made-up scene.
    north = round(latitude * 110_900)
    east = round(500_000 + float(generator.uniform(-200_000, 200_000)))
    southern = latitude < 0
    epsg = (32700 if southern else 32600) + zone
    return Geotransform.north_up(f"EPSG:{epsg}", east, north + (10_000_000 if southern else 0), pixel)


def utm_record(geotransform: Geotransform) -> dict[str, Any]:
    """A drawn geotransform as a world's record has it: the zone's number, its corner and its pixel, in metres."""
    pixel, _, east, _, _, north = geotransform.transform
    return {"epsg": int(str(geotransform.crs).removeprefix("EPSG:")), "east": east, "north": north, "pixel": pixel}


def check_geo() -> None:
    """Refuses georeferencing where the extra that can do it is missing."""
    if not has_rasterio():
        raise DataError("geo: writing GeoTIFFs needs rasterio; pip install 'refsr[geo]'")


def write_geotiff(
    path: Path, image: npt.NDArray[Any], geotransform: Geotransform | None, bands: list[str] | None = None
) -> None:
    """(H, W[, C]) as a GeoTIFF with its coordinate system and, where given, the bands' descriptions."""
    import warnings

    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    planes = image[:, :, None] if image.ndim == 2 else image
    height, width, count = planes.shape
    colour = count == 3 and planes.dtype in (np.uint8, np.uint16)
    profile: dict[str, Any] = {"photometric": "RGB" if colour else "MINISBLACK", "compress": "deflate"}
    if planes.dtype != np.float32:
        profile["predictor"] = 2
    if geotransform is not None:
        profile |= geotransform.profile()
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(
            driver="GTiff", height=height, width=width, count=count, dtype=str(planes.dtype), **profile
        ) as sink:
            sink.write(np.moveaxis(planes, 2, 0))
            for number, text in enumerate(bands or [], 1):
                sink.set_band_description(number, text)
        write_bytes(path, bytes(memory.read()))
