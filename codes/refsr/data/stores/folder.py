"""A folder of image files as a store."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from refsr.core.errors import StoreError
from refsr.core.window import Window
from refsr.data.images import IMAGE_SUFFIXES, Array, ImageInfo, probe_image, read_image
from refsr.data.stores.base import no_such_key
from refsr.data.stores.checksums import Checksums


class FolderStore:
    """Files below a folder; a key is the path from there, without suffix, with `/` between parts.

    Where the folder holds a list of checksums, files must agree with it when a process first reads them.
    """

    held = "images"
    suffixes: tuple[str, ...] = IMAGE_SUFFIXES

    def __init__(self, path: str | Path, verify: bool = True) -> None:
        self._path = Path(path)
        self._verify, self._verified = verify, set[str]()

    @property
    def path(self) -> Path:
        return self._path

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every file by its key, in the order of the keys."""
        if not self._path.is_dir():
            raise StoreError(f"{self._path}: no such folder")
        found: dict[str, Path] = {}
        for file in sorted(self._path.rglob("*")):
            inside = file.relative_to(self._path)
            key = None if any(part.startswith(".") for part in inside.parts) else self._key(file, inside)
            if key is None:
                continue
            if key in found:
                raise StoreError(f"{self._path}: {found[key].name} and {file.name} have the same key {key!r}")
            found[key] = file
        if not found:
            raise StoreError(f"{self._path}: no {self.held} here (looked for {', '.join(self.suffixes)})")
        return dict(sorted(found.items()))

    def _key(self, file: Path, inside: Path) -> str | None:
        """The key of a file that lies at `inside` below the folder; None if it is not one of ours."""
        return inside.with_suffix("").as_posix() if file.suffix.lower() in self.suffixes else None

    def keys(self) -> tuple[str, ...]:
        return tuple(self.files)

    def info(self, key: str) -> ImageInfo:
        return probe_image(self.file(key))

    def read(self, key: str, window: Window | None = None) -> Array:
        return read_image(self.verified_file(key), window)

    def file(self, key: str) -> Path:
        """The file that holds `key`."""
        if key not in self.files:
            raise no_such_key(self._path, key, self.files)
        return self.files[key]

    def verified_file(self, key: str) -> Path:
        """The file that holds `key`, for reading."""
        if self._verify and self.checksums.listed and key not in self._verified:
            for part in self.parts(key):
                self.checksums.check(part)
            self._verified.add(key)
        return self.file(key)

    @cached_property
    def checksums(self) -> Checksums:
        return Checksums(self._path)

    def parts(self, key: str) -> tuple[Path, ...]:
        """The files that `key` is read from."""
        return (self.file(key),)

    def beside(self, key: str) -> Mapping[str, Any] | None:
        """What is known of an image beside its pixels, as plain JSON; of a cube its wavelengths."""
        return None

    def close(self) -> None:
        """Nothing is kept open."""
