"""Opening rasters through rasterio, the extra `geo`, and their geotransforms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError
from refsr.core.foreign_files import require_file, require_pixels
from refsr.geo.geotransform import Geotransform

NOT_UTF8 = "rasterio takes names in UTF-8 only; rename the file"


def has_rasterio() -> bool:
    """Whether the extra `geo` is installed."""
    import importlib.util

    return importlib.util.find_spec("rasterio") is not None


@contextlib.contextmanager
def rasterio_open(file: Path) -> Iterator[Any]:
    """A TIFF, open; what rasterio says of a broken one is a DataError."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            require_file(file)
            with rasterio.open(file) as source:
                require_readable(source, file)
                yield source
    except RasterioError as error:
        raise DataError(f"{file}: broken or unsupported TIFF: {error}") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{file}: {NOT_UTF8}") from error


def require_readable(source: Any, name: object) -> None:
    """A DataError where an open raster has too many bands, or blocks that are too large to be decoded at once."""
    require_pixels(name, 1, 1, source.count)
    together = source.count if source.interleaving is not None and source.interleaving.name == "pixel" else 1
    for height, width in set(source.block_shapes):
        require_pixels(name, height, width, together, "a block of ")


@dataclass(frozen=True)
class RasterTags:
    """What a GeoTIFF says beside its pixels."""

    geotransform: Geotransform
    nodata: float | None = None
    """The value of pixels that show nothing."""

    def profile(self) -> dict[str, Any]:
        """As rasterio takes it when it opens a file for writing."""
        return {**self.geotransform.profile(), **({} if self.nodata is None else {"nodata": self.nodata})}


def raster_tags(source: Any) -> RasterTags | None:
    """The tags of an open raster; None where it lies nowhere."""
    found = geotransform_of(source)
    return None if found is None else RasterTags(found, source.nodata)


def geotransform_of(source: Any) -> Geotransform | None:
    """The geotransform of an open raster; None where it names no coordinate system and has no grid either."""
    if source.crs is None and source.transform.is_identity:
        return None
    return Geotransform(None if source.crs is None else source.crs.to_wkt(), tuple(source.transform)[:6])
