"""Which pixels of a raster hold data, and what stands in for those that hold none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.geo.spoken_colours import spoken_colour

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def valid_pixels(
    source: Any, window: Window, pixels: Array, bands: Sequence[int], nodatas: Sequence[float | None]
) -> Mask:
    """(height, width): True where every band taken holds data.

    A pixel is empty where any of the bands has its nodata value or no finite number, or where an alpha band, an
    internal or an external mask says so. `pixels` (height, width, bands) were read from the open raster `source`.
    """
    rows, columns = (window.top, window.bottom), (window.left, window.right)
    valid: Mask = np.ones(pixels.shape[:2], bool)
    # Band by band: NumPy takes fifty times as long to reduce a short last axis.
    for plane, nodata in zip(np.moveaxis(pixels, 2, 0), nodatas, strict=True):
        if nodata is not None and not np.isnan(nodata) and holds(pixels.dtype, nodata):
            valid &= plane != np.asarray(nodata).astype(pixels.dtype)
        if pixels.dtype.kind == "f":
            valid &= np.isfinite(plane)
    # GDAL takes an alpha band for a mask in bytes and unsigned words only, so alpha bands are read as they are.
    for band in alpha_bands(source):
        valid &= source.read(band, window=(rows, columns)) > 0
    for band in bands if _has_mask(source, bands) else ():
        valid &= source.read_masks(band, window=(rows, columns)) > 0
    return valid


def holds(dtype: np.dtype[Any], value: float) -> bool:
    """Whether pixels of a type can have a value; of floats, after rounding."""
    if dtype.kind not in "iu":
        return True
    limits = np.iinfo(dtype)
    return float(value).is_integer() and limits.min <= value <= limits.max


def has_masks(source: Any, bands: Sequence[int]) -> bool:
    """Whether a mask or an alpha band says more than the nodata value, which is compared with the pixels themselves."""
    return bool(alpha_bands(source)) or _has_mask(source, bands)


def alpha_bands(source: Any) -> list[int]:
    """Numbers of the bands, counted from 1, that say which pixels hold data.

    GDAL gives the role alpha to the fourth band of any four of 8 bits; one that is described as near infrared is none.
    """
    from rasterio.enums import ColorInterp

    found = enumerate(zip(source.colorinterp, source.descriptions, strict=True), 1)
    return [number for number, (role, name) in found if role == ColorInterp.alpha and spoken_colour(name) is None]


def _has_mask(source: Any, bands: Sequence[int]) -> bool:
    """Whether a mask inside the file or beside it says which pixels hold data."""
    from rasterio.enums import MaskFlags

    flags = [source.mask_flag_enums[band - 1] for band in bands]
    return any(MaskFlags.per_dataset in one and MaskFlags.alpha not in one for one in flags)


def filled(pixels: Array, valid: Mask) -> Array:
    """(height, width, bands): empty pixels get the values of the nearest one with data; all stay where there is none.

    What is filled depends on nothing but the pixels as far away as the nearest with data, so that a part of an image
    is filled as the whole is, up to that distance from the part's border.
    """
    if valid.all() or not valid.any():
        return pixels
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        (~valid).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros((int(labels.max()) + 1, pixels.shape[2]), pixels.dtype)
    nearest[labels[valid]] = pixels[valid]
    result = pixels.copy()
    result[~valid] = nearest[labels[~valid]]
    return result


def filled_from(
    finer: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float32],
    pixels: npt.NDArray[np.float32],
    valid: Mask,
    factor: int,
) -> npt.NDArray[np.float32]:
    """`pixels` (h, w, C) whose empty ones get what `finer` (factor*h, factor*w, C) shows there, where `weight` is 1.

    It is brought to the brightness of the nearest pixel with data. Empty pixels that `finer` does not show stay.
    """
    height, width, bands = pixels.shape
    shown = weight.reshape(height, factor, width, factor).min(axis=(1, 3)) >= 1
    if valid.all() or not (valid & shown).any():
        return pixels
    reduced = finer.reshape(height, factor, width, factor, bands).mean(axis=(1, 3), dtype=np.float32)
    apart = filled(pixels - reduced, valid & shown)
    target = shown & ~valid
    result = pixels.copy()
    result[target] = np.clip(reduced[target] + apart[target], 0, 1)
    return result


def feathered(valid: Mask, width: int) -> npt.NDArray[np.float32]:
    """(height, width): 0 where there is no data, rising to 1 over `width` pixels inside; the image's border is no edge.

    Within `width` pixels of the window's border it may differ from what the whole image has.
    """
    if valid.all():
        return np.ones(valid.shape, np.float32)
    import cv2

    distance = cv2.distanceTransform(valid.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    weight: npt.NDArray[np.float32] = np.clip(distance / np.float32(width + 1), 0, 1)
    return weight


def marked(pixels: Array, valid: Mask, nodata: float | None) -> Array:
    """A copy with the nodata value where there is no data; values with data that equal it move by one step.

    `valid` is (height, width), or (height, width, bands) where each band has holes of its own. Without a nodata value,
    which a mask stands for, pixels without data are NaN or 0: nobody takes them for ground.
    """
    result = pixels.copy()
    if nodata is None:
        result[~valid] = np.nan if pixels.dtype.kind == "f" else 0
        return result
    marker = np.asarray(nodata).astype(pixels.dtype)
    taken = (result == marker) & (valid if valid.ndim == 3 else valid[:, :, None])
    if taken.any():
        if pixels.dtype.kind == "f":
            step = np.nextafter(marker, np.asarray(np.inf, pixels.dtype)) if marker else np.finfo(pixels.dtype).tiny
        else:
            step = marker + 1 if marker < np.iinfo(pixels.dtype).max else marker - 1
        result[taken] = step
    result[~valid] = marker
    return result
