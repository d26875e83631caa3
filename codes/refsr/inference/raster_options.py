"""What rasters add to the options of a restored image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from refsr.core.errors import UsageError, suggestion
from refsr.geo.other_bands import OtherBandsMethod
from refsr.geo.raster_sink import RasterFormat

RefGrid = Literal["auto", "as-is"]


@dataclass(frozen=True)
class RasterOptions:
    """How rasters are read and written; the keyword `raster` of `Restorer.restore`."""

    nodata: float | None = None
    """The value of LR's pixels without data, in place of the file's own."""
    nodata_ref: float | None = None
    ref_grid: RefGrid = "auto"
    """`as-is` pairs references with LR pixel by pixel, whatever their grids say."""
    clip: bool = False
    """Whether more than 1 % of LR's values may lie beyond a declared range."""
    gcps: str | None = None
    """A CSV file of ground control points for the reference without a grid, or for the only one."""
    gcps_lr: str | None = None
    gcps_crs: str | None = None
    """The coordinate system of control points; None: as the file says, else LR's."""
    other_bands: OtherBandsMethod | None = None
    """The bands of LR that the model does not take; None: guided, or drop for PNG."""
    bbox: tuple[float, float, float, float] | None = None
    """LEFT BOTTOM RIGHT TOP of the part to restore, in LR's coordinate system or in `bbox_crs`."""
    bbox_crs: str | None = None
    aoi: str | None = None
    """A GeoJSON file with the area outside of which the result is empty."""
    resolution: float | None = None
    """Metres along the side of a pixel, between the network's and LR's."""
    format: RasterFormat | None = None
    """None: by the output's suffix; a COG for .tif."""


def raster_options(given: RasterOptions | Mapping[str, Any] | None) -> RasterOptions:
    """The options, or those that a mapping names."""
    if isinstance(given, RasterOptions):
        return given
    known = [field.name for field in fields(RasterOptions)]
    for name in given or {}:
        if name not in known:
            raise UsageError(f"raster option {name!r} is not known{suggestion(name, known)} ({', '.join(known)})")
    return RasterOptions(**(given or {}))
