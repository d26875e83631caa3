"""GeoTIFF, and TIFFs of many bands, through rasterio: the extra `geo`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.foreign_files import require_pixels
from refsr.core.window import Window
from refsr.data.images.info import Array, ImageInfo, check_array, check_window, kept_type
from refsr.geo.raster import rasterio_open


def tiff_info(file: Path) -> ImageInfo:
    """What the header says."""
    with rasterio_open(file) as source:
        return ImageInfo(source.height, source.width, source.count, kept_type(file, source.dtypes[0]))


def read_tiff(file: Path, window: Window | None) -> Array:
    """The image, or a window of it, as (H, W, C)."""
    with rasterio_open(file) as source:
        dtype = kept_type(file, source.dtypes[0])
        if window is not None:
            check_window(file, window, source.height, source.width)
            require_pixels(file, window.height, window.width, source.count)
            rows = (window.top, window.top + window.height)
            columns = (window.left, window.left + window.width)
            planes = source.read(window=(rows, columns))
        else:
            require_pixels(file, source.height, source.width, source.count)
            planes = source.read()
    image = np.ascontiguousarray(np.moveaxis(planes, 0, 2)).astype(dtype, copy=False)
    check_array(file, image)
    return image


def tiff_bytes(image: Array, more: Mapping[str, Any]) -> bytes:
    """(H, W, C) as the bytes of a file; `more` is what rasterio takes besides, `tags`, and `descriptions` of bands."""
    import warnings

    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    height, width, bands = image.shape
    colour = {"photometric": "RGB"} if bands in (3, 4) and image.dtype == np.uint8 else {"photometric": "MINISBLACK"}
    profile = {"height": height, "width": width, "count": bands, "dtype": str(image.dtype), "compress": "deflate"}
    tags = more.get("tags", {})
    names = more.get("descriptions", ())
    more = {name: value for name, value in more.items() if name not in ("tags", "descriptions")}
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # Beyond 4 GiB a TIFF is another format, and how far it compresses is not known before.
        with memory.open(driver="GTiff", **profile, **colour, BIGTIFF="IF_SAFER", **more) as sink:
            sink.write(np.moveaxis(image, 2, 0))
            sink.update_tags(**tags)
            for number, name in enumerate(names, 1):
                sink.set_band_description(number, name)
        return bytes(memory.read())
