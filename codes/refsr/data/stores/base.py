"""What every store answers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from refsr.core.errors import StoreError, suggestion
from refsr.core.window import Window
from refsr.data.images import Array, ImageInfo


class Store(Protocol):
    """Images by key. Safe to hand to other processes: whatever is open is opened again there, when needed."""

    @property
    def path(self) -> Path:
        """Where the store lies, for messages."""

    def keys(self) -> tuple[str, ...]:
        """All keys, sorted."""

    def info(self, key: str) -> ImageInfo:
        """Size, bands and type, without reading pixels where the store allows."""

    def read(self, key: str, window: Window | None = None) -> Array:
        """The image (H, W, C) in RGB order, or a window of it; the caller owns the array."""

    def close(self) -> None:
        """Lets go of whatever is open; the store opens again when it is next read."""


def no_such_key(path: Path, key: str, keys: Iterable[str]) -> StoreError:
    """The error for a key that is not in the store at `path`."""
    return StoreError(f"{path}: no image {key!r}{suggestion(key, keys)}")
