"""Writes a raster a block at a time: each block is a file of its own until all are there, then one raster is made.

A block is whole or not there, so a run that is stopped at any moment goes on with the blocks that are missing. The
result appears under its name only when it is complete, was opened again and says what it should.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from refsr.core.atomic import explain_io, sync_folder, write_bytes, write_text
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.foreign_files import parse_json, read_record
from refsr.core.window import Window
from refsr.geo.block_cache import bounded_cache
from refsr.geo.geotransform import Geotransform
from refsr.geo.raster_source import BandInfo, gdal_errors
from refsr.geo.staged_result import is_being_made, put_in_place, staged_result
from refsr.geo.validity import Array, Mask, marked
from refsr.geo.zarr_metadata import complete_zarr

RasterFormat = Literal["cog", "gtiff", "png", "zarr"]
BLOCK_FILES = "*-*.tif"
"""The pattern of the names of blocks."""
DRIVERS: dict[RasterFormat, str] = {"cog": "COG", "gtiff": "GTiff", "png": "PNG", "zarr": "Zarr"}
COMPANIONS = (".aux.xml", ".msk")
"""Suffixes of the files beside a PNG that hold its place and tags, and its mask."""
RECORD = "blocks.json"
BLOCKS = "blocks"
"""Suffix of the folder in which blocks are kept."""
WHOLE = "whole"
"""Says, from just before the result is put in place, that the blocks are no longer needed."""
FINAL = "final"
"""Suffix of the one in which those of a second pass are kept, which is made of the first one's."""
FINDINGS = "REFSR_FINDINGS"
"""The tag of a block's file that keeps what was found while it was made, as JSON."""
TILE = 512
"""Side of the squares in which a result is stored."""
LEVEL = 1
"""How hard ZSTD tries. Level 9, GDAL's default, takes 3 to 4 times as long for files that are 1.5 to 6 % smaller."""
TYPES = {"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
         "int64": "Int64", "uint64": "UInt64", "float32": "Float32", "float64": "Float64"}  # fmt: skip
COLOURS = {"gray": "Gray", "red": "Red", "green": "Green", "blue": "Blue", "nir": "NIR", "undefined": "Undefined"}


@dataclass(frozen=True)
class RasterProfile:
    """All of a raster but its pixels."""

    height: int
    width: int
    dtype: str
    bands: Sequence[BandInfo]
    geotransform: Geotransform | None = None
    nodata: float | None = None
    masked: bool = False
    """Whether the raster has an internal mask."""
    tags: Mapping[str, str] = field(default_factory=dict)


class RasterSink:
    """Takes the blocks of a raster, and makes it of them.

    `folder` holds the blocks meanwhile. `identity` says what the blocks are made of and how; blocks of something else
    are not taken over.
    """

    def __init__(
        self,
        output: Path,
        profile: RasterProfile,
        identity: Mapping[str, Any],
        format: RasterFormat,
        part: str = BLOCKS,
    ) -> None:
        self.output, self.profile, self.format = output, profile, format
        self.folder = blocks_folder(output, part)
        self._identity = json.loads(json.dumps(identity))

    def open(self, overwrite: bool = False) -> None:
        """Takes over the blocks that an earlier run of the same work has left; those of other work need `overwrite`."""
        record = self.folder / RECORD
        # A run that was killed before it wrote its record has left an empty folder.
        if self.folder.exists() and any(self.folder.iterdir()):
            found = _read_record(record)
            if found == self._identity:
                return
            if not overwrite and any(self.folder.glob(BLOCK_FILES)):
                known = isinstance(found, dict)
                differs = ", ".join(_different(found, self._identity)) if known else "its record is damaged"
                raise UsageError(
                    f"{self.output}: was begun from something else ({differs}); --overwrite begins anew, "
                    f"and what is done lies in {self.folder}"
                )
            with explain_io(self.folder):
                shutil.rmtree(self.folder)
        with explain_io(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_text(record, json.dumps(self._identity, indent=1, sort_keys=True) + "\n")

    def has(self, window: Window) -> bool:
        """Whether the block at a window is there."""
        return self._block(window).exists()

    def write(self, window: Window, pixels: Array, valid: Mask, findings: Mapping[str, float] | None = None) -> None:
        """Keeps the block (height, width, bands) of a window, whole or not at all; `valid` is where it holds data,
        for all bands or each; the mask is where any does.

        `findings` are numbers that were found while the block was made. They are part of its file, so that a resumed
        run knows them as well as an uninterrupted one.
        """
        from rasterio.io import MemoryFile

        pixels = marked(pixels, valid, self.profile.nodata)
        height, width, bands = pixels.shape
        profile = {"height": height, "width": width, "count": bands, "dtype": self.profile.dtype}
        with _quiet(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
            with memory.open(driver="GTiff", **_creation("gtiff", self.profile), **profile) as sink:
                if findings is not None:
                    sink.update_tags(**{FINDINGS: json.dumps(dict(findings))})
                sink.write(np.moveaxis(pixels, 2, 0))
                if self.profile.masked:
                    sink.write_mask(valid if valid.ndim == 2 else valid.any(axis=2))
            # Synced, which a kill does not need and a power cut does: else a block's name could outlive its content,
            # and `has` asks for the name. It costs some 10 ms a block, and no time of the processor.
            write_bytes(self._block(window), bytes(memory.getbuffer()))

    def findings(self, windows: Iterable[Window]) -> list[dict[str, float]]:
        """What was found while the blocks of these windows were made, by any run; empty where nothing was kept."""
        import rasterio

        found = []
        for window in windows:
            block = self._block(window)
            try:
                with _quiet(), rasterio.open(block) as source:
                    text = source.tags().get(FINDINGS, "{}")
            except gdal_errors() as error:
                raise RefsrError(f"{self.output}: its block {block} cannot be read: {error}") from error
            try:
                found.append({str(name): float(number) for name, number in parse_json(text, block).items()})
            except (DataError, ValueError, TypeError, AttributeError, OverflowError) as error:
                raise DataError(
                    f"{block}: what this block says of itself is damaged; remove it to make it anew"
                ) from error
        return found

    def finish(self, windows: Iterable[Window]) -> None:
        """Makes the raster of its blocks, checks it, puts it in place, and removes the blocks."""
        mosaic = self.mosaic(list(windows))
        with staged_result(self.folder, self.output, self.format == "zarr") as staged:
            self._make(mosaic, staged)
            with explain_io(self.output):
                if staged.is_file():
                    with staged.open("rb+") as handle:
                        os.fsync(handle.fileno())
                self.mark_whole()
                self._place_companions(staged)
                put_in_place(staged, self.output)
                sync_folder(self.output.parent)
        _cleared(self.folder, self.output)

    def _make(self, mosaic: Path, staged: Path) -> None:
        from rasterio.shutil import copy

        try:
            with bounded_cache(), _quiet(GDAL_TIFF_INTERNAL_MASK=True):
                copy(str(mosaic), str(staged), driver=DRIVERS[self.format], **_creation(self.format, self.profile))
                if self.format == "zarr":
                    complete_zarr(staged, self.profile.geotransform, self.profile.nodata, self.profile.bands)
                _check(staged, self.profile)
        except gdal_errors() as error:
            # A part of the result would fill the disk that it did not fit.
            shutil.rmtree(staged) if staged.is_dir() else staged.unlink(missing_ok=True)
            raise RefsrError(f"{self.output}: cannot be written: {error}; its blocks stay in {self.folder}") from error

    def _place_companions(self, staged: Path) -> None:
        """Moves what GDAL writes beside a PNG, which has no room for it; what lies there of another PNG goes."""
        for suffix in COMPANIONS if self.format == "png" else ():
            made, placed = (file.with_name(f"{file.name}{suffix}") for file in (staged, self.output))
            if made.exists():
                made.replace(placed)
            else:
                placed.unlink(missing_ok=True)

    def mosaic(self, windows: Sequence[Window]) -> Path:
        """All blocks as one raster that GDAL opens: a VRT beside them."""
        self._check_complete(windows)
        file = self.folder / "mosaic.vrt"
        write_text(file, self._mosaic(windows))
        return file

    def mark_whole(self) -> None:
        """Says that the blocks are not needed once the result is in place."""
        write_text(self.folder / WHOLE, "")

    def discard(self) -> None:
        """Removes the blocks, which another raster was made of."""
        _cleared(self.folder, self.output)

    def _block(self, window: Window) -> Path:
        return self.folder / f"{window.top}-{window.left}.tif"

    def _check_complete(self, windows: Sequence[Window]) -> None:
        missing = [window for window in windows if not self.has(window)]
        if missing:
            raise DataError(f"{self.folder}: {len(missing)} blocks of {len(windows)} are missing")
        pixels = sum(window.height * window.width for window in windows)
        if pixels != self.profile.height * self.profile.width:
            size = f"{self.profile.height}x{self.profile.width}"
            raise DataError(f"{self.folder}: the blocks hold {pixels} pixels of {size}")

    def _mosaic(self, windows: Sequence[Window]) -> str:
        """A VRT in which every block has its place."""
        profile = self.profile
        lines = [f'<VRTDataset rasterXSize="{profile.width}" rasterYSize="{profile.height}">']
        if profile.geotransform is not None:
            if profile.geotransform.crs is not None:
                lines.append(f"<SRS>{escape(profile.geotransform.crs)}</SRS>")
            a, b, c, d, e, f = profile.geotransform.transform
            lines.append(f"<GeoTransform>{', '.join(f'{number!r}' for number in (c, a, b, f, d, e))}</GeoTransform>")
        lines.append(_metadata(profile.tags))
        for number, band in enumerate(profile.bands, 1):
            lines.append(f'<VRTRasterBand dataType="{TYPES[profile.dtype]}" band="{number}">')
            lines.append(_metadata(band.tags))
            if band.description is not None:
                lines.append(f"<Description>{escape(band.description)}</Description>")
            # What GDAL's Zarr driver cannot copy is written by `complete_zarr`.
            if self.format != "zarr":
                lines += _physical(band, profile.nodata)
            lines.append(f"<ColorInterp>{COLOURS.get(band.colour, 'Undefined')}</ColorInterp>")
            lines += [self._placed(window, str(number)) for window in windows]
            lines.append("</VRTRasterBand>")
        if profile.masked:
            lines.append('<MaskBand><VRTRasterBand dataType="Byte">')
            lines += [self._placed(window, "mask,1") for window in windows]
            lines.append("</VRTRasterBand></MaskBand>")
        lines.append("</VRTDataset>")
        return "\n".join(line for line in lines if line) + "\n"

    def _placed(self, window: Window, band: str) -> str:
        size = f'xSize="{window.width}" ySize="{window.height}"'
        return (
            f'<SimpleSource><SourceFilename relativeToVRT="1">{self._block(window).name}</SourceFilename>'
            f'<SourceBand>{band}</SourceBand><SrcRect xOff="0" yOff="0" {size}/>'
            f'<DstRect xOff="{window.left}" yOff="{window.top}" {size}/></SimpleSource>'
        )


def is_begun(output: Path) -> bool:
    """Whether a run that was stopped has left blocks for `output`."""
    return (blocks_folder(output) / RECORD).is_file()


def begun_identity(output: Path) -> dict[str, Any]:
    """The identity of the run that has left blocks for `output`; empty where there is none."""
    found = _read_record(blocks_folder(output) / RECORD)
    return found if isinstance(found, dict) else {}


def blocks_folder(output: Path, part: str = BLOCKS) -> Path:
    """The hidden folder beside a result in which its blocks are kept."""
    return output.with_name(f".{output.name}.{part}")


def clear_finished(output: Path) -> bool:
    """Removes the blocks of a result that is in place, which a run that was stopped then has left; whether there were.

    The folder is renamed first, so that a stop while it is removed leaves nothing that looks like a run to continue.
    """
    second = blocks_folder(output, FINAL)
    left = _cleared(second, output)
    # While the second pass is not at its end, the first one's blocks are needed.
    return left if second.exists() else _cleared(blocks_folder(output), output) or left


def _cleared(folder: Path, output: Path) -> bool:
    done = folder.with_name(f"{folder.name}.done")
    with explain_io(folder):
        left = done.exists()
        if left:
            shutil.rmtree(done)
        if output.exists() and (folder / WHOLE).exists() and not is_being_made(folder):
            folder.rename(done)
            shutil.rmtree(done)
            left = True
    return left


def _creation(format: RasterFormat, profile: RasterProfile) -> dict[str, Any]:
    """How the result is stored."""
    if format == "png":
        return {}
    if format == "zarr":
        return {"COMPRESS": "ZSTD", "INTERLEAVE": "BAND"}
    floats = np.dtype(profile.dtype).kind == "f"
    common = {"COMPRESS": "ZSTD", "BIGTIFF": "IF_SAFER", "NUM_THREADS": "1"}
    if format == "gtiff":
        tiles = {"TILED": "YES", "BLOCKXSIZE": TILE, "BLOCKYSIZE": TILE}
        return {**common, **tiles, "ZSTD_LEVEL": LEVEL, "PREDICTOR": 3 if floats else 2}
    return {
        **common,
        "LEVEL": LEVEL,
        "BLOCKSIZE": TILE,
        "PREDICTOR": "YES",
        "OVERVIEWS": "IGNORE_EXISTING",
        "OVERVIEW_RESAMPLING": "AVERAGE",
    }


def _check(file: Path, profile: RasterProfile) -> None:
    """Opens the result again: size, bands and type are what they should be, and whether it names a CRS."""
    import rasterio

    with rasterio.open(file) as made:
        found = (made.height, made.width, made.count, made.dtypes[0], made.crs is not None)
        named = profile.geotransform is not None and profile.geotransform.crs is not None
        wanted = (profile.height, profile.width, len(profile.bands), profile.dtype, named)
        if found != wanted:
            raise DataError(f"{file}: holds {found}, expected {wanted}")


def _physical(band: BandInfo, nodata: float | None) -> list[str]:
    """What a band's values mean, in a VRT."""
    lines = [] if nodata is None else [f"<NoDataValue>{nodata!r}</NoDataValue>"]
    if band.unit is not None:
        lines.append(f"<UnitType>{escape(band.unit)}</UnitType>")
    if (band.offset, band.scale) != (0.0, 1.0):
        lines.append(f"<Offset>{band.offset!r}</Offset><Scale>{band.scale!r}</Scale>")
    return lines


def _metadata(tags: Mapping[str, str]) -> str:
    if not tags:
        return ""
    items = "".join(f"<MDI key={quoteattr(key)}>{escape(value)}</MDI>" for key, value in sorted(tags.items()))
    return f"<Metadata>{items}</Metadata>"


def _read_record(record: Path) -> Any:
    with contextlib.suppress(DataError):
        return read_record(record)
    return None


def _different(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The keys in which two identities differ."""
    keys = [*wanted, *(key for key in found if key not in wanted)]
    return [key for key in keys if found.get(key) != wanted.get(key)]


@contextlib.contextmanager
def _quiet(**settings: Any) -> Any:
    """GDAL under settings, without a warning for pictures that lie nowhere."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings(), rasterio.Env(**settings):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
