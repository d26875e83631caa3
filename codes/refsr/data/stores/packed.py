"""A packed store: images in an LMDB that describes itself.

Keys in the database: `!format` (what this is), `!complete` (present when packing ended well), and for each image
`h:<key>` (its header, JSON) and `d:<key>` (its bytes, rows of RGB pixels). Nothing is pickled.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import StoreError
from refsr.core.window import Window
from refsr.data.images import Array, ImageInfo, check_window
from refsr.data.stores.base import no_such_key
from refsr.data.stores.environment import UNFINISHED, LazyEnvironment, explain_lmdb
from refsr.data.stores.record import CHANGED, Header, digest, unpack

FORMAT_KEY = b"!format"
COMPLETE_KEY = b"!complete"
FORMAT = {"format": "refsr-lmdb", "version": 1, "bands": "RGB order, rows of pixels"}
HEADER, DATA = b"h:", b"d:"
LONGEST_KEY = 511 - len(HEADER)


def key_bytes(key: str) -> bytes:
    """A key as LMDB takes it; of a name that is not UTF-8, the bytes that it has."""
    encoded = key.encode(errors="surrogateescape")
    if not encoded or len(encoded) > LONGEST_KEY:
        raise StoreError(f"the key {key[:40]!r}... has {len(encoded)} bytes; LMDB takes 1 to {LONGEST_KEY}")
    return encoded


class PackedStore:
    """Reads a packed store; windows of raw records are copied straight out of the mapped file.

    When a process first reads an image, all its bytes must have the digest under which they were packed.
    """

    def __init__(self, path: str | Path, verify: bool = True) -> None:
        self._lazy = LazyEnvironment(Path(path))
        self._headers: dict[str, Header] = {}
        self._verify, self._verified = verify, set[str]()

    @property
    def path(self) -> Path:
        return self._lazy.path

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        with explain_lmdb(self.path), self._lazy.get().begin() as transaction:
            check_format(self.path, transaction)
            if transaction.get(COMPLETE_KEY) is None:
                raise StoreError(f"{self.path}: {UNFINISHED}")
            return stored_keys(transaction)

    def keys(self) -> tuple[str, ...]:
        return self._keys

    def info(self, key: str) -> ImageInfo:
        return self.header(key).info

    def header(self, key: str) -> Header:
        """The header of `key`, kept once read."""
        found = self._headers.get(key)
        if found is None:
            with explain_lmdb(self.path), self._lazy.get().begin() as transaction:
                text = transaction.get(HEADER + key_bytes(key))
            if text is None:
                raise no_such_key(self.path, key, self._keys)
            try:
                found = Header.decode(text)
            except (ValueError, TypeError) as error:
                raise StoreError(f"{self.path}: {key!r} is damaged: {error}") from error
            self._headers[key] = found
        return found

    def read(self, key: str, window: Window | None = None) -> Array:
        header = self.header(key)
        if window is not None:
            check_window(key, window, header.shape[0], header.shape[1])
        with explain_lmdb(self.path), self._lazy.get().begin(buffers=True) as transaction:
            data = transaction.get(DATA + key_bytes(key))
            if data is None:
                raise StoreError(f"{self.path}: {key!r} has a header but no pixels; refsr store repair repairs it")
            try:
                self._check(key, header, data)
                image = unpack(header, data)
            except StoreError as error:
                raise StoreError(
                    f"{self.path}: {key!r} is damaged: {error}; refsr store repair --source packs it again"
                ) from error
            if window is not None:
                top, left, height, width = window
                image = image[top : top + height, left : left + width]
            # Copied inside the transaction: the mapped pages are ours only until it ends.
            return np.array(image)

    def _check(self, key: str, header: Header, data: Any) -> None:
        if not self._verify or key in self._verified:
            return
        if digest(header, data) != header.digest:
            raise StoreError(CHANGED)
        self._verified.add(key)

    def close(self) -> None:
        self._lazy.close()
        self._verified.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_verified": set()}


def check_format(path: Path, transaction: Any) -> None:
    """Refuses a database that is not a packed store of this version."""
    text = transaction.get(FORMAT_KEY)
    if text is None:
        raise StoreError(f"{path}: an LMDB, but not a packed store (no {FORMAT_KEY.decode()} record)")
    try:
        found = json.loads(bytes(text))
        version = found["version"] if found["format"] == FORMAT["format"] else None
    except (ValueError, KeyError, TypeError, RecursionError):
        version = None
    if version != FORMAT["version"]:
        raise StoreError(f"{path}: format {bytes(text)[:80]!r} is not known to this version of refsr")


def stored_keys(transaction: Any) -> tuple[str, ...]:
    """The keys of all headers in the database."""
    found = []
    cursor = transaction.cursor()
    if cursor.set_range(HEADER):
        for name in cursor.iternext(keys=True, values=False):
            if not bytes(name).startswith(HEADER):
                break
            try:
                found.append(bytes(name)[len(HEADER) :].decode(errors="surrogateescape"))
            except UnicodeDecodeError as error:
                raise StoreError(f"a key in the database is damaged: {bytes(name)!r}") from error
    return tuple(sorted(found))
