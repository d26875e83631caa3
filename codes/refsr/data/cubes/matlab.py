"""Cubes in MATLAB files: plain arrays of numbers, never objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError, suggestion
from refsr.data.cubes.about import About, CubeFile, cube_size, cut
from refsr.data.images import Array, Window

# MATLAB's classes of numbers; cells, structures, objects and functions are never opened.
CLASSES = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4",
    "uint32": "u4", "int64": "i8", "uint64": "u8",
}  # fmt: skip
HDF5 = b"\x89HDF\r\n\x1a\n"


def open_matlab(file: Path, variable: str | None = None) -> CubeFile:
    """The cube in a file of MATLAB 4 to 7: `variable`, or the only array with rows, columns and bands."""
    _refuse_hdf5(file)
    arrays = _arrays(file)
    cubes = {name: shape for name, (shape, kind) in arrays.items() if len(shape) == 3 and kind in CLASSES}
    if variable is None:
        if len(cubes) != 1:
            listed = ", ".join(f"{name} {_shown(shape)}" for name, shape in cubes.items())
            found = f"holds several cubes: {listed}" if cubes else f"holds no cube, only {_listed(arrays)}"
            raise DataError(f"{file}: {found}" + ("; hsi.variable names the one to take" if cubes else ""))
        (variable,) = cubes
    if variable not in arrays:
        raise DataError(f"{file}: no array {variable!r}{suggestion(variable, arrays)} (there are {_listed(arrays)})")
    shape, kind = arrays[variable]
    if kind not in CLASSES:
        raise DataError(f"{file}: {variable!r} is {kind}; a cube is a plain array of numbers")
    name = variable

    def values(window: Window, chosen: Sequence[int] | None) -> Array:
        whole = _loaded(file, name)
        return cut(whole[:, :, None] if whole.ndim == 2 else whole, window, chosen)

    return CubeFile(file, cube_size(shape, CLASSES[kind], f"{file}: {variable}"), About(), values)


def _refuse_hdf5(file: Path) -> None:
    with file.open("rb") as handle:
        head = handle.read(520)
    if head.startswith((HDF5, b"MATLAB 7.3")) or head[512:] == HDF5:
        raise DataError(
            f"{file}: a MATLAB 7.3 file, which is HDF5 and not read here; "
            f"save it again by save('{file.name}', '-v7') in MATLAB, or as .npy by h5py and NumPy"
        )


def _arrays(file: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """What the file holds, by name: shape and MATLAB's class."""
    from scipy.io import whosmat

    # SciPy raises all kinds of errors on broken files.
    try:
        return {name: (tuple(shape), kind) for name, shape, kind in whosmat(file)}
    except Exception as error:
        raise DataError(f"{file}: not a MATLAB file, or a broken one: {_first_line(error)}") from error


def _loaded(file: Path, variable: str) -> Array:
    from scipy.io import loadmat

    try:
        found = loadmat(file, variable_names=[variable])[variable]
    except Exception as error:
        raise DataError(f"{file}: {variable!r} cannot be read, the file is broken: {_first_line(error)}") from error
    # Whole numbers may be stored in fewer bytes than their class has; a complex array has the class of a real one.
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "iuf":
        raise DataError(f"{file}: {variable!r} holds {getattr(found, 'dtype', type(found))}; a cube holds real numbers")
    return found


def _listed(arrays: dict[str, tuple[tuple[int, ...], str]]) -> str:
    return ", ".join(f"{name} {_shown(shape)} {kind}" for name, (shape, kind) in arrays.items()) or "nothing"


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
