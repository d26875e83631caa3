"""Pairs the members of a data set by key; keys without a partner are an error that names them."""

from __future__ import annotations

from collections.abc import Mapping

from refsr.core.errors import DataError
from refsr.data.stores.base import Store
from refsr.data.stores.checking import unequal_keys


def paired_keys(stores: Mapping[str, Store]) -> tuple[str, ...]:
    """The keys that all stores share; an error lists those that only some have."""
    keys = {f"{member} ({store.path})": set(store.keys()) for member, store in stores.items()}
    lines = unequal_keys(keys)
    if lines:
        raise DataError("images do not pair by name:\n  " + "\n  ".join(lines))
    return next(iter(stores.values())).keys()
