"""Stores of images behind one interface: a folder of files, a packed LMDB, an LMDB as published."""

from refsr.data.stores.base import Store
from refsr.data.stores.opening import open_store

__all__ = ["Store", "open_store"]
