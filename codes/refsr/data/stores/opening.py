"""Opens whatever store lies at a path, and says what is wrong when none does."""

from __future__ import annotations

from pathlib import Path

from refsr.core.errors import StoreError, suggestion
from refsr.data.stores.base import Store
from refsr.data.stores.environment import DATA_FILE
from refsr.data.stores.folder import FolderStore
from refsr.data.stores.packed import PackedStore
from refsr.data.stores.published import META_FILE, PublishedStore


def open_store(path: str | Path, verify: bool = True) -> Store:
    """The store at `path`: packed, published, or a folder of images; nothing is read yet but names.

    `verify` holds what is read to the digests that there are.
    """
    place = Path(path)
    if place.is_file():
        parent = f"; the store is its folder {place.parent}" if place.name == DATA_FILE else ""
        raise StoreError(f"{place}: a file, not a store{parent}")
    if not place.is_dir():
        siblings = [other.name for other in place.parent.iterdir()] if place.parent.is_dir() else []
        raise StoreError(f"{place}: no such folder{suggestion(place.name, siblings)}")
    if (place / DATA_FILE).is_file():
        return PublishedStore(place) if (place / META_FILE).is_file() else PackedStore(place, verify)
    return FolderStore(place, verify)
