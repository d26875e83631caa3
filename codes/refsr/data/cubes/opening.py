"""Cubes behind one interface, whatever they lie in: a folder of files, or a store that need not know what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from refsr.core.window import Window
from refsr.data.cubes.cube_file import NO_CUBE_HINTS, CubeHints, CubeInfo
from refsr.data.cubes.files import cut_bands
from refsr.data.cubes.folder import CubeFolder
from refsr.data.images import Array, ImageInfo
from refsr.data.stores import Store, open_store
from refsr.data.stores.folder import FolderStore
from refsr.data.stores.packed import PackedStore


class CubeSource(Protocol):
    """Cubes by key, in all their bands."""

    @property
    def path(self) -> Path: ...

    def keys(self) -> tuple[str, ...]: ...

    def info(self, key: str) -> ImageInfo: ...

    def cube_info(self, key: str) -> CubeInfo: ...

    def where(self, key: str) -> str: ...

    def read_bands(self, key: str, window: Window | None = None, bands: Sequence[int] | None = None) -> Array: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class StoredCubes:
    """Cubes in a store that need not know what they are."""

    store: Store
    band_centres: tuple[float, ...] | None = None

    @property
    def path(self) -> Path:
        return self.store.path

    def keys(self) -> tuple[str, ...]:
        return self.store.keys()

    def info(self, key: str) -> ImageInfo:
        return self.store.info(key)

    def cube_info(self, key: str) -> CubeInfo:
        """What was packed beside the values."""
        found = (
            CubeInfo.from_record(self.store.header(key).beside) if isinstance(self.store, PackedStore) else CubeInfo()
        )
        if found.wavelengths is None and self.band_centres is not None:
            return CubeInfo(self.band_centres, found.good, found.nodata, found.geotransform)
        return found

    def where(self, key: str) -> str:
        """A cube of this store, for messages."""
        return f"{self.path}: {key}"

    def read_bands(self, key: str, window: Window | None = None, bands: Sequence[int] | None = None) -> Array:
        return np.ascontiguousarray(cut_bands(self.store.read(key, window), bands))

    def close(self) -> None:
        self.store.close()


def open_cubes(path: Path, hints: CubeHints = NO_CUBE_HINTS, verify: bool = True) -> CubeSource:
    """The cubes at `path`, a folder or an LMDB."""
    store = open_store(path, verify)
    if isinstance(store, FolderStore):
        return CubeFolder(path, hints, verify)
    return StoredCubes(store, None if hints.band_centres is None else tuple(hints.band_centres))
