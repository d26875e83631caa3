"""Verifies stores, and repairs packed stores that are damaged."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError, StoreError, listed
from refsr.core.processes import check_locks, end_with_parent
from refsr.data.stores.base import Store
from refsr.data.stores.checksums import SUMS
from refsr.data.stores.environment import LazyEnvironment, explain_lmdb
from refsr.data.stores.folder import FolderStore
from refsr.data.stores.opening import open_store
from refsr.data.stores.packed import COMPLETE_KEY, DATA, HEADER, PackedStore, check_format, key_bytes
from refsr.data.stores.packing import PackReport, growing, mark_complete, pack_folder, writing
from refsr.data.stores.record import CHANGED, Header, digest, unpack


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong with a store; `key` is None where it is the store as a whole."""

    key: str | None
    what: str

    def __str__(self) -> str:
        return self.what if self.key is None else f"{self.key!r}: {self.what}"


def verify(path: Path) -> list[Damage]:
    """Everything that is wrong with the store at `path`; every byte of every image is read."""
    store = open_store(path)
    if not isinstance(store, PackedStore):
        try:
            return _verify_images(store)
        finally:
            store.close()
    # A damaged tree can make LMDB crash the process that walks it, so another one does.
    check_locks()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), end_with_parent) as pool:
        try:
            return pool.submit(_verify_packed, path).result()
        except BrokenProcessPool:
            return [Damage(None, "so damaged that LMDB crashes on it; delete it and pack again")]


def verify_set(paths: Sequence[Path]) -> list[str]:
    """Keys that some of these stores have and others lack, a line each."""
    keys = {}
    for path in paths:
        try:
            keys[path] = set(open_store(path).keys())
        except DataError:
            continue  # verify says what is wrong with it
    return unequal_keys({str(path): found for path, found in keys.items()})


def unequal_keys(keys: dict[str, set[str]]) -> list[str]:
    """Lines that name what is in one set of keys but not in all; the first few of each and their number."""
    lines = []
    everything = set().union(*keys.values()) if keys else set()
    for name, found in keys.items():
        missing = sorted(everything - found)
        if missing:
            lines.append(f"{name} lacks {len(missing)} of {len(everything)}: {listed(missing)}")
    return lines


def repair(path: Path, source: Path | None = None) -> tuple[list[Damage], PackReport]:
    """Drops what is damaged in a packed store, packs it again from `source` if given, and marks the rest whole."""
    store = open_store(path)
    if not isinstance(store, PackedStore):
        raise StoreError(f"{path}: only packed stores can be repaired; this is a {type(store).__name__}")
    store.close()
    damages = verify(path)
    if any(damage.key is None and "crashes" in damage.what for damage in damages):
        raise StoreError(f"{path}: {damages[0].what}")
    with writing(path) as environment:

        def drop(transaction: Any) -> None:
            transaction.delete(COMPLETE_KEY)
            for damage in damages:
                if damage.key is not None:
                    transaction.delete(HEADER + key_bytes(damage.key))
                    transaction.delete(DATA + key_bytes(damage.key))

        growing(environment, drop)
        if source is None:
            mark_complete(environment)
    report = pack_folder(source, path) if source is not None else PackReport(0, 0)
    return damages, report


def _verify_images(store: Store) -> list[Damage]:
    missing = store.checksums.missing() if isinstance(store, FolderStore) else []
    damages = [Damage(name, f"{SUMS} has it, but it is not here") for name in missing]
    for key in store.keys():
        try:
            image = store.read(key)
            info = store.info(key)
        except DataError as error:
            damages.append(Damage(key, str(error)))
            continue
        if image.shape != (info.height, info.width, info.bands) or str(image.dtype) != info.dtype:
            damages.append(Damage(key, f"the header promises {info}, the pixels are {image.shape} {image.dtype}"))
    return damages


def _verify_packed(path: Path) -> list[Damage]:
    damages: list[Damage] = []
    lazy = LazyEnvironment(path)
    try:
        with explain_lmdb(path), lazy.get().begin(buffers=True) as transaction:
            check_format(path, transaction)
            headers, data = _names(transaction, HEADER), _names(transaction, DATA)
            for key in sorted(headers | data):
                what = _damage(transaction, key)
                if what:
                    damages.append(Damage(key, what))
            damages += _completeness(transaction.get(COMPLETE_KEY), len(headers))
    except StoreError as error:
        damages.append(Damage(None, str(error)))
    finally:
        lazy.close()
    return damages


def _completeness(text: Any, images: int) -> list[Damage]:
    if text is None:
        return [Damage(None, f"packing did not end ({images} images so far); the same pack command completes it")]
    try:
        expected = json.loads(bytes(text))["images"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return [Damage(None, "the completeness record is damaged")]
    return [] if expected == images else [Damage(None, f"{images} images are here, {expected} were packed")]


def _names(transaction: Any, prefix: bytes) -> set[str]:
    found = set()
    cursor = transaction.cursor()
    if cursor.set_range(prefix):
        for name in cursor.iternext(keys=True, values=False):
            plain = bytes(name)
            if not plain.startswith(prefix):
                break
            found.add(plain[len(prefix) :].decode(errors="surrogateescape"))
    return found


def _damage(transaction: Any, key: str) -> str | None:
    """What is wrong with one image, if anything."""
    text, data = transaction.get(HEADER + key_bytes(key)), transaction.get(DATA + key_bytes(key))
    if text is None or data is None:
        return "pixels without a header" if text is None else "a header without pixels"
    try:
        header = Header.decode(text)
        if digest(header, data) != header.digest:
            return CHANGED
        unpack(header, data)
    except (ValueError, TypeError, StoreError) as error:
        return f"damaged: {error}"
    return None
