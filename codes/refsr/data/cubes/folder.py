"""A folder of cubes as a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.cubes.cube_file import NO_CUBE_HINTS, CubeFile, CubeHints, CubeInfo
from refsr.data.cubes.envi import DATA_SUFFIXES, HEADER_SUFFIX, data_file, envi_key
from refsr.data.cubes.files import CUBE_SUFFIXES, header_of, open_cube
from refsr.data.cubes.wavelengths import SIDECAR
from refsr.data.images import IMAGE_SUFFIXES, Array, ImageInfo
from refsr.data.stores.folder import FolderStore

# More bands than this no photograph has.
MOST_IMAGE_BANDS = 4


class CubeFolder(FolderStore):
    """Cubes of any known format below a folder; a key is the path from there without suffix."""

    held = "cubes"
    suffixes = CUBE_SUFFIXES

    def __init__(self, path: str | Path, hints: CubeHints = NO_CUBE_HINTS, verify: bool = True) -> None:
        super().__init__(path, verify)
        self._hints = hints
        self._known: dict[str, CubeFile] = {}

    def _key(self, file: Path, inside: Path) -> str | None:
        """Of an ENVI cube the header's; pixels of one without a header are a DataError."""
        suffix = file.suffix.lower()
        if not file.is_file():
            return None
        if suffix in DATA_SUFFIXES:
            header_of(file)
        if suffix == HEADER_SUFFIX:
            return inside.with_name(envi_key(inside.name)).as_posix()
        return super()._key(file, inside)

    def info(self, key: str) -> ImageInfo:
        return self._open(key).info

    def cube_info(self, key: str) -> CubeInfo:
        """What the file says beside its values."""
        return self._open(key).cube_info

    def where(self, key: str) -> str:
        """A cube of this folder, for messages."""
        return f"{self._path}: {key}"

    def read(self, key: str, window: Window | None = None) -> Array:
        return self.read_bands(key, window)

    def read_bands(self, key: str, window: Window | None = None, bands: Sequence[int] | None = None) -> Array:
        """(H, W, bands) of all bands, or of some, counted from 0."""
        return self._open(key).read(window, bands)

    def parts(self, key: str) -> tuple[Path, ...]:
        file = self.file(key)
        numbers = (data_file(file),) if file.suffix.lower() == HEADER_SUFFIX else ()
        sidecar = file.parent / SIDECAR
        return (file, *numbers, *((sidecar,) if sidecar.is_file() else ()))

    def beside(self, key: str) -> Mapping[str, Any] | None:
        return self.cube_info(key).record()

    def _open(self, key: str) -> CubeFile:
        """The cube, whose header is read once in each process."""
        if key not in self._known:
            cube = open_cube(self.verified_file(key), self._hints)
            contradiction = cube.contradiction()
            if contradiction is not None:
                raise DataError(contradiction)
            self._known[key] = cube
        return self._known[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}


class SingleCube(CubeFolder):
    """A file of its own as a store; its key is its name without suffix."""

    def __init__(self, file: Path, hints: CubeHints = NO_CUBE_HINTS) -> None:
        super().__init__(file.parent, hints)
        self.only = file

    @cached_property
    def files(self) -> dict[str, Path]:
        return {self.only.stem: self.only}

    def where(self, key: str) -> str:
        return str(self.only)


def folder_of(path: Path, hints: CubeHints = NO_CUBE_HINTS) -> FolderStore:
    """The folder as a store: of cubes, where its first file is one, else of images."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            suffix = file.suffix.lower()
            if suffix in (HEADER_SUFFIX, ".mat", *DATA_SUFFIXES):
                return CubeFolder(path, hints)
            if suffix in IMAGE_SUFFIXES:
                return CubeFolder(path, hints) if _many_bands(file) else FolderStore(path)
    return FolderStore(path)


def _many_bands(file: Path) -> bool:
    try:
        return open_cube(file).info.bands > MOST_IMAGE_BANDS
    except DataError:
        return False
