"""ENVI cubes: a text header (`.hdr`) beside a file of raw numbers.

Read by hand: the format is a dozen keys over a memory map, and the extra `geo` need not be there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError, suggestion
from refsr.core.foreign_files import read_bytes
from refsr.core.window import Window
from refsr.data.cubes.cube_file import CubeFile, CubeInfo, check_counts, cube_size, cut
from refsr.data.cubes.interleave import smoother_order
from refsr.data.cubes.wavelengths import in_nanometres
from refsr.data.images import Array
from refsr.geo.geotransform import Geotransform

HEADER_SUFFIX = ".hdr"
DATA_SUFFIXES = (".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".cube")
TYPES = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 6: "c8", 9: "c16", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
UTM_ZONE = re.compile("0?[1-9]|[1-5][0-9]|60")
# Where rows, columns and bands stand in the file.
ORDERS = {"bsq": "brc", "bil": "rbc", "bip": "rcb"}


def open_envi(header: Path, interleave: str | None = None) -> CubeFile:
    """The cube that a header describes; a DataError where the two files do not agree.

    `interleave` is the order of its numbers, whatever the header says.
    """
    fields = read_header(header)
    rows, columns, bands = (_whole(fields, key, header, 1) for key in ("lines", "samples", "bands"))
    code = _whole(fields, "data type", header, 0)
    if code not in TYPES:
        raise DataError(f"{header}: data type {code} is not known (known: {', '.join(map(str, TYPES))})")
    order = _whole(fields, "byte order", header, 0) if "byte order" in fields else 0
    if order not in (0, 1):
        raise DataError(f"{header}: byte order {order} is not known (0: least byte first, 1: most)")
    dtype = np.dtype(("<", ">")[order] + TYPES[code])
    declared = interleave or fields.get("interleave", "").lower()
    if declared not in ORDERS:
        raise DataError(
            f"{header}: interleave {declared!r} is not known{suggestion(declared, ORDERS)} (known: {', '.join(ORDERS)})"
        )
    if fields.get("file compression", "0") != "0":
        raise DataError(f"{header}: the numbers are compressed, which is not read here; save them uncompressed")
    if "spectral library" in fields.get("file type", "").lower():
        raise DataError(f"{header}: a library of spectra, not an image")
    info = cube_size((rows, columns, bands), dtype, header)
    data, offset = data_file(header), _whole(fields, "header offset", header, 0) if "header offset" in fields else 0
    _check_size(data, offset, (rows, columns, bands), dtype)
    cube_info = _cube_info(fields, header)
    check_counts(cube_info, bands, header)
    sides = {"r": rows, "c": columns, "b": bands}
    shape = tuple(sides[side] for side in ORDERS[declared])
    to_cube = [ORDERS[declared].index(side) for side in "rcb"]

    def numbers() -> Array:
        return np.memmap(data, dtype=dtype, mode="r", offset=offset, shape=(rows * columns * bands,))

    def values(window: Window, chosen: Sequence[int] | None) -> Array:
        return cut(numbers().reshape(shape).transpose(to_cube), window, chosen)

    def contradiction() -> str | None:
        found = None if interleave else smoother_order(numbers(), ORDERS, sides, declared)
        if found is None:
            return None
        return (
            f"{header}: says interleave {declared}, but read as {found[0]} its values are {found[1]:.1f} times as "
            f"smooth; interleave {found[0]} takes them so, interleave {declared} as it says"
        )

    return CubeFile(header, info, cube_info, values, contradiction)


def read_header(file: Path) -> dict[str, str]:
    """The keys of a header, in lower case, and their values without braces."""
    text = read_bytes(file).decode(errors="replace")
    if not text.lstrip("\ufeff").startswith("ENVI"):
        raise DataError(f"{file}: not a header of ENVI, whose first word is ENVI")
    fields = {}
    lines = iter(text.splitlines()[1:])
    for line in lines:
        if line.lstrip().startswith(";") or "=" not in line:
            continue
        key, value = (part.strip() for part in line.split("=", 1))
        if value.startswith("{"):
            while "}" not in value:
                more = next(lines, None)
                if more is None:
                    raise DataError(f"{file}: the brace after {key!r} is not closed; the header is cut short")
                value += "\n" + more
            value = value[1 : value.index("}")]
        fields[" ".join(key.lower().split())] = value.strip()
    return fields


def data_file(header: Path) -> Path:
    """The file of numbers beside a header: `x`, `x.img`, `x.bsq`, ... beside `x.hdr`, `x.img` beside `x.img.hdr`."""
    exact = header.with_suffix("")
    if exact.is_file():
        return exact
    found = sorted(
        file
        for file in header.parent.iterdir()
        if file.stem == header.stem and file.suffix.lower() in DATA_SUFFIXES and file.is_file()
    )
    if not found:
        looked = f"{header.stem}{{{','.join(DATA_SUFFIXES)}}}"
        raise DataError(f"{header}: no file of numbers beside it (looked for {header.stem} and {looked})")
    if len(found) > 1:
        raise DataError(f"{header}: {' and '.join(file.name for file in found)} could both be its numbers; keep one")
    return found[0]


def envi_key(name: str) -> str:
    """The name of a cube without what ends its header's name, `.hdr` or `.img.hdr`."""
    stem = name[: -len(HEADER_SUFFIX)]
    end = next((end for end in DATA_SUFFIXES if stem.lower().endswith(end)), "")
    return stem[: len(stem) - len(end)] or stem


def _whole(fields: Mapping[str, str], key: str, header: Path, least: int) -> int:
    text = fields.get(key)
    if text is None:
        raise DataError(f"{header}: {key!r} is missing{suggestion(key, fields)}")
    if not re.fullmatch(r"\d{1,15}", text) or int(text) < least:
        raise DataError(f"{header}: {key} is {text[:40]!r}; expected a whole number from {least} on")
    return int(text)


def _check_size(data: Path, offset: int, shape: tuple[int, int, int], dtype: np.dtype[np.generic]) -> None:
    rows, columns, bands = shape
    size = data.stat().st_size
    band = rows * columns * dtype.itemsize
    if size == offset + band * bands:
        return
    held = max(0, size - offset) / band
    says = f"its header says {bands} bands of {rows}x{columns} {dtype.newbyteorder('=').name}"
    others = [other for other in (1, 2, 4, 8) if size - offset == rows * columns * bands * other]
    hint = f"; numbers of {others[0]} byte{'s' * (others[0] > 1)} would fit" if others else ""
    what = "the file is cut short" if held < bands else "the file is longer than that"
    raise DataError(f"{data}: {says}, the file holds {held:.4g} of them: {what}{hint}")


def _cube_info(fields: Mapping[str, str], header: Path) -> CubeInfo:
    good = None
    if "bbl" in fields:
        good = tuple(number != 0 for number in _numbers(fields["bbl"], "bbl", header))
    wavelengths = None
    if "wavelength" in fields:
        found = _numbers(fields["wavelength"], "wavelength", header)
        wavelengths = in_nanometres(found, fields.get("wavelength units"), header) if found else None
    nodata = None
    if "data ignore value" in fields:
        # A list of them has one for each band; like most readers, take the first for all.
        nodata = next(iter(_numbers(fields["data ignore value"], "data ignore value", header)), None)
    return CubeInfo(wavelengths, good, nodata, _geotransform(fields, header))


def _numbers(text: str, key: str, header: Path) -> list[float]:
    found = []
    for word in text.replace(",", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            raise DataError(f"{header}: {key} holds {word[:40]!r}, which is not a number") from None
    return found


def _geotransform(fields: Mapping[str, str], header: Path) -> Geotransform | None:
    """From map info: degrees or UTM on WGS-84, or a system given as WKT; None for rotated grids and other systems."""
    words = [word.strip() for word in fields.get("map info", "").split(",")]
    if len(words) < 7:
        return None
    if any(re.fullmatch(r"rotation\s*=.*[1-9].*", word) for word in words):
        return None
    numbers = _numbers(",".join(words[1:7]), "map info", header)
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
        raise DataError(f"{header}: map info makes no sense: {', '.join(words[:7])[:60]!r}")
    column, row, x, y, width, height = numbers
    crs = fields.get("coordinate system string") or _system(words)
    if crs is None or not (width > 0 and height > 0):
        return None
    return Geotransform(crs, (width, 0.0, x - (column - 1) * width, 0.0, -height, y + (row - 1) * height))


def _system(words: Sequence[str]) -> str | None:
    kind = words[0].lower()
    datum = any(re.sub(r"[\s-]", "", word).lower() in ("wgs84", "wgs1984") for word in words[7:])
    if kind == "geographic lat/lon" and datum:
        return "EPSG:4326"
    if kind == "utm" and datum and len(words) > 8 and UTM_ZONE.fullmatch(words[7]):
        south = words[8].lower().startswith("s")
        return f"EPSG:{(32700 if south else 32600) + int(words[7])}"
    return None
