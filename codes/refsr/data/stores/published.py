"""The LMDB layout of the published scripts: raw BGR bytes, ascii keys, sizes in a pickle beside the database."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError, StoreError
from refsr.core.window import Window
from refsr.data.images import Array, ImageInfo, check_window
from refsr.data.stores.base import no_such_key
from refsr.data.stores.environment import LazyEnvironment, explain_lmdb

META_FILE = "meta_info.pkl"


class _PlainUnpickler(pickle.Unpickler):
    """Admits strings, numbers, lists and dicts, which need no import; anything else is refused before it runs."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it calls for {module}.{name}, which plain data never does")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to objects outside the file")


class PublishedStore:
    """Reads what the published `create_lmdb.py` wrote; images come out in RGB order."""

    def __init__(self, path: str | Path) -> None:
        self._lazy = LazyEnvironment(Path(path))

    @property
    def path(self) -> Path:
        return self._lazy.path

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, int, int]]:
        return read_meta(self.path / META_FILE)

    def keys(self) -> tuple[str, ...]:
        return tuple(sorted(self._shapes))

    def info(self, key: str) -> ImageInfo:
        if key not in self._shapes:
            raise no_such_key(self.path, key, self._shapes)
        return ImageInfo(*self._shapes[key], "uint8")

    def read(self, key: str, window: Window | None = None) -> Array:
        info = self.info(key)
        if window is not None:
            check_window(f"{self.path}: {key}", window, info.height, info.width)
        with explain_lmdb(self.path), self._lazy.get().begin(buffers=True) as transaction:
            data = transaction.get(key.encode())
            if data is None:
                raise StoreError(f"{self.path}: {key!r} is listed in {META_FILE} but not in the database")
            needed = info.height * info.width * info.bands
            if len(data) != needed:
                raise StoreError(f"{self.path}: {key!r} holds {len(data)} bytes where {info} needs {needed}")
            image = np.frombuffer(data, dtype=np.uint8).reshape(info.height, info.width, info.bands)
            if window is not None:
                top, left, height, width = window
                image = image[top : top + height, left : left + width]
            return np.array(swap_colours(image))

    def close(self) -> None:
        self._lazy.close()


def swap_colours(image: Array) -> Array:
    """BGR(A) to RGB(A) or back; other band counts stay."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(image.shape[2])
    return image if order is None else image[:, :, order]


def read_meta(file: Path) -> dict[str, tuple[int, int, int]]:
    """Key to (height, width, bands) from a published `meta_info.pkl`; runs nothing that the file may contain."""
    try:
        found = _PlainUnpickler(io.BytesIO(file.read_bytes())).load()
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}") from error
    except Exception as error:  # a broken pickle can raise nearly anything
        raise StoreError(f"{file}: not a plain pickled record: {error}") from error
    if not isinstance(found, dict) or not {"keys", "resolution"} <= set(found):
        raise StoreError(f"{file}: expected a dict with 'keys' and 'resolution'")
    keys, sizes = found["keys"], found["resolution"]
    if not isinstance(keys, list) or not isinstance(sizes, list) or not all(isinstance(k, str) for k in keys):
        raise StoreError(f"{file}: 'keys' and 'resolution' must be lists of strings")
    if len(sizes) == 1:
        sizes = sizes * len(keys)
    if len(sizes) != len(keys) or len(set(keys)) != len(keys):
        raise StoreError(f"{file}: {len(keys)} keys ({len(set(keys))} different), but {len(sizes)} sizes")
    return {key: _shape(file, key, size) for key, size in zip(keys, sizes, strict=True)}


def _shape(file: Path, key: str, text: object) -> tuple[int, int, int]:
    try:
        bands, height, width = (int(part) for part in str(text).split("_"))
    except ValueError:
        raise StoreError(f"{file}: size {text!r} of {key!r} is not C_H_W") from None
    if min(bands, height, width) < 1:
        raise StoreError(f"{file}: size {text!r} of {key!r} is not C_H_W")
    return height, width, bands


def published_value(key: str, image: Array) -> tuple[bytes, bytes]:
    """Key and bytes of one image in the published layout, or an error that says why it cannot hold it."""
    if image.dtype != np.uint8:
        raise DataError(f"{key}: the published layout holds 8 bits only, this image is {image.dtype}")
    if not key.isascii():
        raise DataError(f"{key}: the published layout takes ascii keys only")
    return key.encode("ascii"), np.ascontiguousarray(swap_colours(image)).tobytes()


def write_meta(folder: Path, name: str, shapes: Mapping[str, tuple[int, int, int]], order: Iterable[str]) -> None:
    """Writes `meta_info.pkl`, which the published reader needs; a dict of strings, in a pickle by necessity."""
    keys = list(order)
    sizes = ["{2}_{0}_{1}".format(*shapes[key]) for key in keys]
    record = {"name": name, "keys": keys, "resolution": sizes[:1] if len(set(sizes)) == 1 else sizes}
    write_bytes(folder / META_FILE, pickle.dumps(record, protocol=2))
