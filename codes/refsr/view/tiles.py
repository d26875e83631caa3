"""Tiles of layers: a window of the plane, warped, stretched to 8 bits and encoded by rio-tiler."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from refsr.core.errors import UsageError
from refsr.view.layers import Layer
from refsr.view.plane import TILE, Plane, TileWindow, system_of

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """How a layer is shown."""

    bands: tuple[int, ...]
    """Numbers of three bands, or of one."""
    ranges: tuple[Range, ...]
    """Of each band the values that are black and white, or the ends of the colour scale."""
    smooth: bool = False
    """Whether pixels larger than the plane's are interpolated."""


def tile_picture(plane: Plane, layer: Layer, window: TileWindow, look: Look) -> bytes:
    """The PNG (256, 256) of a layer under a window of the plane; transparent where it holds no data."""
    from rasterio.enums import Resampling
    from rasterio.transform import Affine
    from rio_tiler.reader import read

    beyond = sorted(set(look.bands) - set(layer.numbers))
    if beyond:
        raise UsageError(f"{layer.name}: has no band {', '.join(map(str, beyond))}")
    if not _overlaps(layer, window):
        return nothing()
    ratio = _pixels_of_layer(layer, window)
    level = chosen_overview(layer.overviews, ratio)
    with layer.opened(level) as dataset:
        place = layer.placement.layer
        a, b, c, d, e, f = place.transform
        across, down = layer.width / dataset.width, layer.height / dataset.height
        target = plane.grid_of(window)
        smaller = ratio / max(across, down) > 1
        method = "average" if smaller else "cubic" if look.smooth else "nearest"
        options: dict[str, Any] = {
            "src_crs": system_of(place) if place.crs is not None and target.crs is not None else system_of(target),
            "src_transform": Affine(a * across, b * down, c, d * across, e * down, f),
            "crs": system_of(target),
            "transform": target.affine(),
            "width": TILE,
            "height": TILE,
            "resampling": Resampling[method],
            "tolerance": 0.125,
        }
        image = read(dataset, dst_crs=system_of(target), indexes=look.bands, vrt_options=options)
    holes = np.ma.getmaskarray(image.array).any(axis=0) | ~np.isfinite(image.array.data).all(axis=0)
    # As floats: it is stretched in place, and 0 to 255 do not fit every type.
    values = np.nan_to_num(image.array.data.astype(np.float32))
    image.array = np.ma.MaskedArray(values, np.broadcast_to(holes, values.shape))
    image.rescale([_ends(*ends) for ends in look.ranges])
    if layer.legend is not None:
        return bytes(image.render(img_format="PNG", colormap=_colour_map(layer.legend.colours), zlevel=1))
    return bytes(image.render(img_format="PNG", zlevel=1))


def chosen_overview(factors: Sequence[int], ratio: float) -> int | None:
    """The number of the coarsest overview whose pixels are no larger than `ratio` of the raster's; None for itself."""
    fitting = [number for number, factor in enumerate(factors) if factor <= ratio * 1.01]
    return fitting[-1] if fitting else None


def warm_up() -> None:
    """Imports what the first tile would wait for, for seconds."""
    from rasterio.errors import NotGeoreferencedWarning

    # For the process: tiles are read by several threads, and images without a georeference are shown like others.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    importlib.import_module("rio_tiler.reader")
    nothing()


@lru_cache(maxsize=1)
def nothing() -> bytes:
    """A transparent tile."""
    from rio_tiler.models import ImageData

    empty = np.ma.MaskedArray(np.zeros((1, TILE, TILE), np.uint8), mask=True)
    return bytes(ImageData(empty).render(img_format="PNG"))


def colour_stops(name: str, count: int = 9) -> list[str]:
    """Colours of a scale from its low to its high end, for a legend."""
    scale = _colour_map(name)
    return ["#{:02x}{:02x}{:02x}".format(*scale[round(place * 255 / (count - 1))][:3]) for place in range(count)]


@lru_cache(maxsize=8)
def _colour_map(name: str) -> Any:
    from rio_tiler.colormap import cmap

    return cmap.get(name)


def _ends(low: float, high: float) -> Range:
    """Ends of a stretch that differ."""
    return (low, high) if high > low else (low, low + max(abs(low) * 1e-6, 1e-6))


def _overlaps(layer: Layer, window: TileWindow) -> bool:
    left, top, right, bottom = layer.bounds
    side = TILE * window.step
    across = left < window.left + side and right > window.left
    return across and top < window.top + side and bottom > window.top


def _pixels_of_layer(layer: Layer, window: TileWindow) -> float:
    """How many pixels of the layer one of the tile spans, in the tile's middle or nearest to it inside the layer."""
    left, top, right, bottom = layer.bounds
    x = min(max(window.left + TILE * window.step / 2, left), right)
    y = min(max(window.top + TILE * window.step / 2, top), bottom)
    columns, rows = layer.placement.to_layer([x, x + window.step, x], [y, y, y + window.step])
    area = (columns[1] - columns[0]) * (rows[2] - rows[0]) - (columns[2] - columns[0]) * (rows[1] - rows[0])
    ratio = math.sqrt(abs(area))
    return ratio if math.isfinite(ratio) else 1.0
