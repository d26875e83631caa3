"""Reading, probing and writing image files, each through the library for its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError
from refsr.core.foreign_files import require_pixels
from refsr.core.window import Window
from refsr.data.images.geotiff import read_tiff, tiff_bytes, tiff_info
from refsr.data.images.headers import IMAGE_SUFFIXES, jpeg_info, kind_of, named_kind, opened_image, png_info, tiff_shape
from refsr.data.images.info import Array, ImageInfo, check_array, cut, info_of
from refsr.data.images.npy import npy_bytes, open_npy
from refsr.data.images.plain import decode, encode
from refsr.geo.raster import has_rasterio

HEADERS = {"png": png_info, "jpeg": jpeg_info}


def probe_image(path: str | Path) -> ImageInfo:
    """Size, bands and type from the file's header, without decoding pixels where the format allows."""
    file = Path(path)
    with opened_image(file) as handle:
        kind = kind_of(handle, file)
        if kind in HEADERS:
            return HEADERS[kind](handle, file)
    if kind == "npy":
        return info_of(open_npy(file))
    return tiff_info(file) if has_rasterio() else info_of(read_image(file))


def read_image(path: str | Path, window: Window | None = None) -> Array:
    """The image, or a window of it, as (H, W, C); grey has one band, alpha is the fourth."""
    file = Path(path)
    with opened_image(file) as handle:
        kind = kind_of(handle, file)
        if kind in HEADERS or (kind == "tiff" and not has_rasterio()):
            return np.ascontiguousarray(cut(file, _plain(handle, file, kind), window))
    if kind == "tiff":
        return read_tiff(file, window)
    part = cut(file, open_npy(file), window)
    require_pixels(file, *part.shape)
    return np.array(part)


def _plain(handle: BinaryIO, file: Path, kind: str) -> Array:
    """A whole PNG, JPEG or plain TIFF."""
    shape = tiff_shape(handle, file) if kind == "tiff" else HEADERS[kind](handle, file).shape
    require_pixels(file, *shape)
    image = decode(handle, file, kind)
    if kind != "tiff" and image.shape != shape:
        # What the decoder leaves out as damaged, such as an alpha, must not be missed by chance.
        raise DataError(f"{file}: is damaged: its header says {shape}, its pixels are {image.shape}")
    return image


def write_image(
    path: str | Path, array: Array, quality: int | None = None, profile: Mapping[str, Any] | None = None
) -> None:
    """Writes (H, W, C) or (H, W) under the format that the suffix names, whole or not at all.

    `profile` goes to rasterio where that writes a TIFF: `crs`, `transform`, `nodata`; `tags` are the file's own, and
    `descriptions` name its bands.
    """
    file = Path(path)
    kind = named_kind(file)
    image = array[:, :, None] if array.ndim == 2 else array
    if kind is None:
        known = ", ".join(IMAGE_SUFFIXES)
        raise DataError(f"{file}: no image format has the suffix {file.suffix!r} (known: {known})")
    check_array(file, image)
    if kind == "npy":
        write_bytes(file, npy_bytes(image))
    elif kind == "tiff" and has_rasterio():
        write_bytes(file, tiff_bytes(image, profile or {}))
    else:
        write_bytes(file, encode(image, kind, quality, file))
