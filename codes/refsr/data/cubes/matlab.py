"""Cubes in MATLAB files: plain arrays of numbers, never objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from refsr.core.errors import DataError, suggestion
from refsr.core.window import Window
from refsr.data.cubes.cube_file import CubeFile, CubeInfo, cube_size, cut
from refsr.data.cubes.mat5 import NUMBERS, MatArray, arrays_in, values_of
from refsr.data.images import Array

HDF5 = b"\x89HDF\r\n\x1a\n"


def open_matlab(file: Path, variable: str | None = None) -> CubeFile:
    """The cube in a file of MATLAB 5 to 7: `variable`, or the only array with rows, columns and bands."""
    _refuse_hdf5(file)
    arrays = arrays_in(file)
    array = _only(arrays, file) if variable is None else arrays.get(variable)
    if array is None:
        near = suggestion(variable or "", arrays)
        raise DataError(f"{file}: no array {variable!r}{near} (there are {_listed(arrays.values())})")
    if array.stored is None:
        raise DataError(f"{file}: {array.name!r} is {array.kind}; a cube is a plain array of real numbers")
    found = array

    def values(window: Window, chosen: Sequence[int] | None) -> Array:
        whole = values_of(file, found)
        return cut(whole[:, :, None] if whole.ndim == 2 else whole, window, chosen)

    # Whole numbers may lie in fewer bytes than their class has, and which is up to the values: the class counts.
    return CubeFile(file, cube_size(array.shape, NUMBERS[array.kind], f"{file}: {array.name}"), CubeInfo(), values)


def _only(arrays: Mapping[str, MatArray], file: Path) -> MatArray:
    cubes = [array for array in arrays.values() if array.stored is not None and len(array.shape) == 3]
    if not cubes:
        raise DataError(f"{file}: holds no cube, only {_listed(arrays.values())}")
    if len(cubes) > 1:
        raise DataError(f"{file}: holds several cubes: {_listed(cubes)}; hsi.variable names the one to take")
    return cubes[0]


def _refuse_hdf5(file: Path) -> None:
    with file.open("rb") as handle:
        head = handle.read(520)
    if head.startswith((HDF5, b"MATLAB 7.3")) or head[512:] == HDF5:
        raise DataError(
            f"{file}: a MATLAB 7.3 file, which is HDF5 and not read here; "
            f"save it again by save('{file.name}', '-v7') in MATLAB, or as .npy by h5py and NumPy"
        )


def _listed(arrays: Iterable[MatArray]) -> str:
    return ", ".join(f"{array.name} {'x'.join(map(str, array.shape))} {array.kind}" for array in arrays) or "nothing"
