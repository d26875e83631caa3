"""xarray DataArrays with the rio accessor (rioxarray) as rasters, and results as DataArrays on their grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.geo.grid import Grid


def is_data_array(raster: Any) -> bool:
    """Whether it is an xarray DataArray; xarray need not be there."""
    return type(raster).__name__ == "DataArray" and type(raster).__module__.split(".")[0] == "xarray"


def in_memory_file(array: Any) -> Any:
    """A DataArray (y, x) or (band, y, x) as a GeoTIFF in memory: a rasterio MemoryFile."""
    from rasterio.io import MemoryFile

    if not hasattr(array, "rio"):
        raise DataError(f"{array.name or 'DataArray'}: has no rio accessor; import rioxarray first")
    file = MemoryFile(ext=".tif")
    try:
        array.rio.to_raster(file.name, driver="GTiff")
    except Exception as error:
        # What rioxarray raises has no common class.
        file.close()
        raise DataError(f"{array.name or 'DataArray'}: is no raster: {error}") from error
    return file


def data_array(pixels: npt.NDArray[Any], grid: Grid, nodata: float | None, like: Any) -> Any:
    """(H, W, C) on a grid as a DataArray (band, y, x), or (y, x) where `like` is one, with its name and attributes."""
    import xarray

    columns, rows = np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5
    x, _ = grid.geotransform.point(columns, 0.5)
    _, y = grid.geotransform.point(0.5, rows)
    flat = like.ndim == 2
    planes = pixels[:, :, 0] if flat else np.moveaxis(pixels, 2, 0)
    dims = ["y", "x"] if flat else ["band", "y", "x"]
    coordinates = {"y": y, "x": x} | ({"band": np.arange(1, len(planes) + 1)} if not flat else {})
    attributes = {key: value for key, value in like.attrs.items() if not key.startswith("STATISTICS_")}
    result = xarray.DataArray(planes, coordinates, dims, like.name, attributes)
    result.rio.write_transform(grid.geotransform.affine(), inplace=True)
    if grid.geotransform.crs is not None:
        result.rio.write_crs(grid.geotransform.crs, inplace=True)
    if nodata is not None:
        result.rio.write_nodata(nodata, inplace=True)
    return result
