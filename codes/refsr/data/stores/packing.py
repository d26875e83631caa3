"""Packs a store of files into an LMDB: in batches that are whole or not there, and again where it left off."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb

from refsr.core.atomic import atomic_folder
from refsr.core.errors import StoreError, listed
from refsr.core.locks import held
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.cubes.cube_file import NO_CUBE_HINTS, CubeHints
from refsr.data.cubes.folder import folder_of
from refsr.data.stores.environment import DATA_FILE, close_readers, explain_lmdb
from refsr.data.stores.folder import FolderStore
from refsr.data.stores.packed import (
    COMPLETE_KEY,
    DATA,
    FORMAT,
    FORMAT_KEY,
    HEADER,
    check_format,
    key_bytes,
    stored_keys,
)
from refsr.data.stores.pages import check_pages
from refsr.data.stores.published import published_value, write_meta
from refsr.data.stores.record import CODECS, Header, pack

# A batch is one transaction: large enough that syncing costs little, small enough to redo after a kill.
BATCH_IMAGES = 64
BATCH_BYTES = 64 << 20
SMALLEST_MAP = 16 << 20
LOCK_FILE = "writer.lock"


@dataclass(frozen=True)
class PackReport:
    """What a run of packing did."""

    written: int
    kept: int


def pack_folder(
    source: Path,
    target: Path,
    *,
    codec: str = "raw",
    workers: int = 2,
    hints: CubeHints = NO_CUBE_HINTS,
    progress: ProgressFactory = no_progress,
) -> PackReport:
    """Brings every image of the folder `source` into the packed store `target`, making it or completing it.

    A store that holds images which the folder lacks is refused: nothing would say that they are no longer part of the
    set. `hints` say of cubes what their files do not.
    """
    if codec not in CODECS:
        raise StoreError(f"codec {codec!r} is not known (known: {', '.join(CODECS)})")
    store = folder_of(source, hints)
    stamps = {key: source_stamp(*store.parts(key)) for key in store.keys()}
    for key in stamps:
        key_bytes(key)
    with writing(target) as environment, explain_lmdb(target):
        with environment.begin() as transaction:
            gone = sorted(set(stored_keys(transaction)) - set(stamps))
        if gone:
            raise StoreError(
                f"{target}: holds images that {source} lacks: {listed(gone)}; remove the store, or choose another"
            )
        missing = [key for key, stamp in stamps.items() if _stamp_in(environment, key) != stamp]
        if missing:
            _put(environment, {FORMAT_KEY: json.dumps(FORMAT).encode()}, drop=COMPLETE_KEY)
        with progress(f"packing {target.name}", len(missing)) as bar, ThreadPoolExecutor(workers) as pool:
            for batch in batches(missing, store):
                packed = list(pool.map(lambda key: pack(store.read(key), codec, stamps[key], store.beside(key)), batch))
                entries: dict[bytes, bytes] = {}
                for key, (header, data) in zip(batch, packed, strict=True):
                    entries[HEADER + key_bytes(key)] = header.encode()
                    entries[DATA + key_bytes(key)] = data
                _put(environment, entries)
                bar.advance(len(batch))
        mark_complete(environment)
    return PackReport(len(missing), len(stamps) - len(missing))


def pack_folder_published(
    source: Path, target: Path, *, workers: int = 2, progress: ProgressFactory = no_progress
) -> PackReport:
    """Writes the folder `source` as a store that the published loaders read; all of it or nothing."""
    store = FolderStore(source)
    keys = sorted(store.files, key=lambda key: os.fspath(store.files[key]))
    shapes = {}
    with atomic_folder(target) as staged, explain_lmdb(target):
        environment = open_to_write(staged)
        try:
            with progress(f"packing {target.name}", len(keys)) as bar, ThreadPoolExecutor(workers) as pool:
                for batch in batches(keys, store):
                    images = list(pool.map(store.read, batch))
                    shapes.update({key: image.shape for key, image in zip(batch, images, strict=True)})
                    _put(environment, dict(map(published_value, batch, images)))
                    bar.advance(len(batch))
        finally:
            environment.close()
        write_meta(staged, target.name, shapes, keys)
    return PackReport(len(keys), 0)


def source_stamp(*files: Path) -> str:
    """Name, size and time of last change of files: by them a changed file is noticed without being read."""
    stats = [(file.name, file.stat()) for file in files]
    return " ".join(f"{name}:{status.st_size}:{status.st_mtime_ns}" for name, status in stats)


def batches(keys: Sequence[str], store: FolderStore) -> Iterator[list[str]]:
    """The keys in groups that fit one transaction; an image of unknown size counts by its file's size."""
    batch: list[str] = []
    size = 0
    for key in keys:
        batch.append(key)
        info = store.info(key)
        size += info.height * info.width * info.bands
        if len(batch) == BATCH_IMAGES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextlib.contextmanager
def writing(target: Path) -> Iterator[Any]:
    """An environment for writing the packed store `target`, which no other process is writing."""
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target}: a file is in the way")
    with contextlib.ExitStack() as stack:
        try:
            target.mkdir(parents=True, exist_ok=True)
            busy = StoreError(f"{target}: another process is writing this store")
            stack.enter_context(held(target / LOCK_FILE, busy))
        except OSError as error:
            raise StoreError(f"{target}: {error.strerror}") from error
        close_readers(os.path.realpath(target))
        with explain_lmdb(target):
            environment = open_to_write(target)
            try:
                with environment.begin() as transaction:
                    if transaction.stat()["entries"]:
                        check_format(target, transaction)
                yield environment
            finally:
                environment.close()


def open_to_write(folder: Path) -> Any:
    """An environment in `folder`, new or as it was left."""
    file = folder / DATA_FILE
    if file.exists() and file.stat().st_size:
        check_pages(file)
    # Without LMDB's own lock file, which it maps: written on a full tmpfs, a mapping is a bus error. Nobody would look
    # into it: readers open without it, and writers exclude each other before.
    return lmdb.open(os.fspath(folder), map_size=SMALLEST_MAP, lock=False)


def mark_complete(environment: Any) -> None:
    """Says that all images are in; readers refuse a store without this."""
    with environment.begin() as transaction:
        count = len(stored_keys(transaction))
    _put(environment, {FORMAT_KEY: json.dumps(FORMAT).encode(), COMPLETE_KEY: json.dumps({"images": count}).encode()})


def _stamp_in(environment: Any, key: str) -> str | None:
    """The source stamp under which `key` is stored already."""
    with environment.begin() as transaction:
        text = transaction.get(HEADER + key_bytes(key))
    if text is None:
        return None
    try:
        return Header.decode(text).source
    except (ValueError, TypeError):
        return None


def _put(environment: Any, entries: dict[bytes, bytes], drop: bytes | None = None) -> None:
    """One transaction; the map grows until it fits."""

    def fill(transaction: Any) -> None:
        if drop is not None:
            transaction.delete(drop)
        for name, value in entries.items():
            transaction.put(name, value)

    growing(environment, fill)


def growing(environment: Any, fill: Callable[[Any], None]) -> None:
    """Runs `fill` in a write transaction, again with twice the map as long as the map is full."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                fill(transaction)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(environment.info()["map_size"] * 2)
