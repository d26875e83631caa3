"""Windowed reads of whatever GDAL opens, with what the file says beside its pixels."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from refsr.core.errors import DataError, UsageError
from refsr.core.foreign_files import require_file
from refsr.core.window import Window
from refsr.geo.data_arrays import in_memory_file, is_data_array
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.raster import NOT_UTF8, require_readable
from refsr.geo.validity import Array, Mask, alpha_bands, has_masks, holds, valid_pixels

ALPHA = "alpha"
REMOTE = ("/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsiadls", "/vsioss", "/vsiswift", "/vsihdfs", "/vsiwebhdfs")
"""How GDAL's names of files on servers begin."""


@dataclass(frozen=True)
class BandInfo:
    """What a file says of one band."""

    description: str | None = None
    colour: str = "undefined"
    """Its role: red, green, blue, nir, gray, alpha, ..."""
    scale: float = 1.0
    offset: float = 0.0
    """Stored value times `scale` plus `offset` is the physical one."""
    unit: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


RasterLike = Any
"""A path or address of what GDAL opens, an open rasterio dataset, or an xarray DataArray with the rio accessor."""


class RasterSource:
    """A raster, read a window at a time: (height, width, bands) in the file's type, and which pixels hold data.

    `raster` is anything that GDAL opens: a GeoTIFF, COG, JP2 or VRT, a file in a zip archive, http(s) and s3 addresses;
    or an open rasterio dataset, which stays open. `bands` are those to read, counted from 1 (None: all but alpha);
    `nodata` takes the place of the file's own. `placed` says that the caller gives it a grid, so that control points or
    a sensor model without a grid are no error.
    """

    def __init__(
        self,
        raster: RasterLike,
        bands: Sequence[int] | None = None,
        nodata: float | None = None,
        placed: bool = False,
    ) -> None:
        self.name, self._source, self._close = _opened(raster)
        try:
            _check_readable(self._source, self.name)
            colours = [colour.name for colour in self._source.colorinterp]
            masking = alpha_bands(self._source)
            colours = [
                "undefined" if colour == ALPHA and number not in masking else colour
                for number, colour in enumerate(colours, 1)
            ]
            self.all_bands = tuple(
                BandInfo(*about, tags=self._source.tags(index))
                for index, about in enumerate(
                    zip(
                        self._source.descriptions,
                        colours,
                        self._source.scales,
                        self._source.offsets,
                        self._source.units,
                        strict=True,
                    ),
                    1,
                )
            )
            if bands is None:
                bands = [index for index, colour in enumerate(colours, 1) if colour != ALPHA]
            self.take(bands)
            if nodata is not None:
                _check_nodata(self.name, nodata, [np.dtype(self._source.dtypes[band - 1]) for band in self.bands])
            self._given = nodata is not None
            self.nodata = nodata if nodata is not None else self._source.nodata
            self.height, self.width = self._source.height, self._source.width
            self._corner = (0, 0)
            self.grid = self._grid(placed)
        except BaseException:
            self.close()
            raise

    def take(self, bands: Sequence[int]) -> None:
        """Reads these bands from now on, counted from 1."""
        beyond = [band for band in bands if not 1 <= band <= self._source.count]
        if beyond:
            raise DataError(f"{self.name}: bands {beyond} are asked for, the raster has 1 to {self._source.count}")
        self.bands = tuple(bands)

    def cut(self, window: Window) -> None:
        """Is only a window of itself from now on, whose corner is pixel (0, 0)."""
        self._corner = self._corner[0] + window.top, self._corner[1] + window.left
        self.height, self.width = window.height, window.width
        if self.grid is not None:
            self.grid = Grid(self.grid.geotransform.moved(window.left, window.top), window.height, window.width)

    def sharing(self, band: int) -> RasterSource:
        """Another band of the same open raster, with the same cut; closing this one closes it."""
        other = copy.copy(self)
        other.take([band])
        other.nodata = self._nodata_of(band)
        other._close = _nothing
        return other

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the bands that are read; several, or other than numbers, are a DataError."""
        kinds = {self._source.dtypes[band - 1] for band in self.bands}
        if len(kinds) > 1:
            raise DataError(f"{self.name}: bands {list(self.bands)} have several types: {', '.join(sorted(kinds))}")
        kind: np.dtype[Any] = np.dtype(kinds.pop())
        if kind.kind not in "iuf":
            raise DataError(f"{self.name}: values are {kind}; expected integers or floats")
        return kind

    @property
    def tags(self) -> dict[str, str]:
        """The file's own tags."""
        return dict(self._source.tags())

    @property
    def masked(self) -> bool:
        """Whether a mask or an alpha band says which pixels hold data."""
        return has_masks(self._source, self.bands)

    @property
    def may_have_holes(self) -> bool:
        """Whether any of its pixels can be without data."""
        return self.masked or any(one is not None for one in self._nodatas) or self.dtype.kind == "f"

    @property
    def window(self) -> Window:
        """All of its pixels."""
        return Window(0, 0, self.height, self.width)

    def read(self, window: Window) -> tuple[Array, Mask]:
        """Pixels (height, width, bands) of a window inside the raster, and (height, width) where they hold data."""
        down, right = self._corner
        whole = Window(window.top + down, window.left + right, window.height, window.width)
        rows, columns = (whole.top, whole.bottom), (whole.left, whole.right)
        try:
            planes = self._source.read(self.bands, window=(rows, columns))
            pixels = np.ascontiguousarray(np.moveaxis(planes, 0, 2))
            return pixels, valid_pixels(self._source, whole, pixels, self.bands, self._nodatas)
        except gdal_errors() as error:
            damaged = f"{_cause(error)}; the file may be damaged or cut off"
            why = "its server did not give what was asked for" if is_remote(self.name) else damaged
            place = f"rows {whole.top} to {whole.bottom}, columns {whole.left} to {whole.right}"
            raise DataError(f"{self.name}: cannot be read at {place}: {why}") from error

    def strip_bytes(self, rows: float) -> int:
        """Bytes of the strips that hold so many rows in all bands of the file; 0 for a raster in tiles."""
        height, width = self._source.block_shapes[0]
        if width < self.width:
            return 0
        strips = min(self.height, (math.ceil(rows / height) + 1) * height)
        return int(strips * width * self._source.count * np.dtype(self._source.dtypes[0]).itemsize)

    @property
    def files(self) -> list[Path]:
        """The local files that it is made of: its own, masks beside it, what a VRT names."""
        return [Path(name) for name in self._source.files if Path(name).is_file()]

    @property
    def header(self) -> str:
        """What the file says of all but its pixels, for digests."""
        return repr((sorted(self._source.profile.items(), key=str), sorted(self._source.tags().items())))

    def close(self) -> None:
        self._close()

    def __enter__(self) -> RasterSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _nodatas(self) -> list[float | None]:
        """The value of empty pixels in each band that is read."""
        return [self._nodata_of(band) for band in self.bands]

    def _nodata_of(self, band: int) -> float | None:
        """A band's own value, where it has another than the file's first one and none was given."""
        own: float | None = self._source.nodatavals[band - 1]
        return self.nodata if self._given or own == self._source.nodata else own

    def _grid(self, placed: bool) -> Grid | None:
        """Where it lies; None for a picture without a place. Control points without a transform are refused."""
        source = self._source
        if source.crs is None and source.transform.is_identity:
            points, system = source.gcps
            if placed:
                return None
            if points:
                option = f" -t_srs {system.to_string()}" if system is not None else ""
                raise DataError(
                    f"{self.name}: has {len(points)} ground control points and no grid; "
                    f"make one first: gdalwarp -r cubic{option} {self.name} OUT.tif"
                )
            if source.rpcs is not None:
                raise DataError(
                    f"{self.name}: has a sensor model (RPC) and no grid; make one first, best with a terrain model: "
                    f"gdalwarp -r cubic -rpc -to RPC_DEM=DEM.tif {self.name} OUT.tif"
                )
            return None
        system = None if source.crs is None else source.crs.to_wkt()
        return Grid(Geotransform(system, tuple(source.transform)[:6]), source.height, source.width)


def spread_windows(height: int, width: int, count: int, side: int) -> list[Window]:
    """Up to `count` x `count` windows of `side` pixels spread evenly over a raster, each once."""
    found = set()
    for row in range(count):
        for column in range(count):
            top, left = max(0, height - side) * row // (count - 1), max(0, width - side) * column // (count - 1)
            found.add(Window(top, left, min(side, height), min(side, width)))
    return sorted(found)


def _opened(raster: RasterLike) -> tuple[str, Any, Callable[[], None]]:
    """The name of a raster, its rasterio dataset, and what closes what was opened here."""
    if is_data_array(raster):
        file = in_memory_file(raster)
        return str(raster.name or "DataArray"), file.open(), file.close
    if isinstance(raster, (str, Path)):
        source = _opened_file(str(raster))
        return str(raster), source, source.close
    if not hasattr(raster, "read_masks"):
        raise UsageError(
            f"a raster is a {type(raster).__name__}; expected a path or an address, a rasterio dataset, or a DataArray"
        )
    return str(raster.name), raster, _nothing


def _nothing() -> None:
    """Datasets that were handed in stay open."""


def _opened_file(name: str) -> Any:
    try:
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning
    except ImportError as error:
        raise DataError(f"{name}: rasters need rasterio; pip install 'refsr[geo]'") from error

    file = Path(name)
    # GDAL has names of its own, and opens some folders.
    if not name.startswith("/vsi") and ":" not in name and not file.is_dir():
        require_file(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(name)
    except gdal_errors() as error:
        raise DataError(f"{name}: cannot be opened as a raster: {_cause(error)}") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{name}: {NOT_UTF8}") from error


def gdal_errors() -> tuple[type[Exception], ...]:
    """What rasterio raises: its own errors, and GDAL's where it passes them on as they are."""
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    return RasterioError, CPLE_BaseError


def _check_readable(source: Any, name: str) -> None:
    if source.count:
        require_readable(source, name)
        return
    inside = list(source.subdatasets)
    if not inside:
        raise DataError(f"{name}: has no bands")
    shown = "\n  ".join(inside[:8])
    raise DataError(f"{name}: holds {len(inside)} rasters; name one of them:\n  {shown}")


def _check_nodata(name: str, nodata: float, kinds: Sequence[np.dtype[Any]]) -> None:
    """A UsageError for a value that none of the types can hold: no pixel has it, so it was meant otherwise."""
    if not any(holds(kind, nodata) for kind in kinds):
        raise UsageError(f"{name}: nodata {nodata:g} is no value of {kinds[0]}, so no pixel can have it")


def is_remote(name: str) -> bool:
    """Whether a raster is read from a server."""
    return "://" in name or name.startswith(REMOTE)


def _cause(error: BaseException) -> str:
    """What GDAL said first, which rasterio keeps as the cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip() or type(error).__name__
