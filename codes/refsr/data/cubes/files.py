"""Opens a cube by what its file is: GeoTIFF, ENVI, MATLAB, `.npy`, or any image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.cubes.cube_file import NO_CUBE_HINTS, CubeFile, CubeHints, CubeInfo, check_counts, cube_size, cut
from refsr.data.cubes.envi import DATA_SUFFIXES, HEADER_SUFFIX, open_envi
from refsr.data.cubes.matlab import open_matlab
from refsr.data.cubes.wavelengths import from_sidecar
from refsr.data.images import IMAGE_SUFFIXES, Array, file_kind, probe_image, read_image
from refsr.geo.raster import has_rasterio

CUBE_SUFFIXES = (*IMAGE_SUFFIXES, HEADER_SUFFIX, ".mat")
PICKLE = b"\x80"


def open_cube(file: Path, hints: CubeHints = NO_CUBE_HINTS) -> CubeFile:
    """The cube in a file; wavelengths are the file's, else the hints', else those of `wavelengths.txt` beside it."""
    cube, centres = _opened(file, hints), hints.band_centres
    if cube.cube_info.wavelengths is None:
        given = tuple(centres) if centres is not None else from_sidecar(file.parent)
        cube_info = replace(cube.cube_info, wavelengths=given)
        source = "hsi.band_centres" if centres is not None else "wavelengths.txt"
        check_counts(cube_info, cube.info.bands, f"{file}: {source}")
        return replace(cube, cube_info=cube_info)
    check_counts(cube.cube_info, cube.info.bands, file)
    return cube


def _opened(file: Path, hints: CubeHints) -> CubeFile:
    suffix = file.suffix.lower()
    if suffix in DATA_SUFFIXES:
        file, suffix = header_of(file), HEADER_SUFFIX
    if not file.is_file():
        file_kind(file)  # says what is near
    if suffix == HEADER_SUFFIX:
        return open_envi(file, hints.interleave)
    if suffix == ".mat":
        return open_matlab(file, hints.variable)
    if suffix == ".npy":
        return _open_npy(file)
    if file_kind(file) == "tiff" and has_rasterio():
        from refsr.data.cubes.raster import open_raster

        return open_raster(file)
    return CubeFile(
        file, probe_image(file), CubeInfo(), lambda window, bands: cut_bands(read_image(file, window), bands)
    )


def header_of(numbers: Path) -> Path:
    """The header beside a file of raw numbers."""
    for header in (numbers.with_suffix(HEADER_SUFFIX), numbers.with_name(numbers.name + HEADER_SUFFIX)):
        if header.is_file():
            return header
    raise DataError(f"{numbers}: no {numbers.stem}{HEADER_SUFFIX} beside it, the header that says how to read it")


def cut_bands(image: Array, bands: Sequence[int] | None) -> Array:
    """(H, W, bands) of the chosen bands, counted from 0."""
    return image if bands is None else image[:, :, list(bands)]


def _open_npy(file: Path) -> CubeFile:
    def values(window: Window, bands: Sequence[int] | None) -> Array:
        array = _mapped(file)
        return cut(array[:, :, None] if array.ndim == 2 else array, window, bands)

    array = _mapped(file)
    return CubeFile(file, cube_size(array.shape, array.dtype, file), CubeInfo(), values)


def _mapped(file: Path) -> Array:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # NumPy evaluates a header's text, so broken ones raise whatever a parser can.
        raise DataError(f"{file}: {_why(file, error)}") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{file}: an archive of arrays, not one array; save the cube by np.save")
    return array


def _why(file: Path, error: Exception) -> str:
    """NumPy takes everything that it does not know for a pickle."""
    with file.open("rb") as handle:
        head = handle.read(6)
    if head == b"\x93NUMPY":
        if "object" in str(error).lower():
            return "holds Python objects (a pickle), which are never loaded; save a plain array of numbers"
        return "the file is cut short, or its header is broken"
    if head.startswith(PICKLE):
        return "a pickle, which is never loaded; save a plain array of numbers by np.save"
    return "not a plain array of NumPy"
