"""References of single images, made from the images themselves when they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.data.hardening.hardness import Hardness
from refsr.data.hardening.self_reference import self_reference
from refsr.data.images import Array, ImageInfo
from refsr.data.ranges import Range, declared, to_unit
from refsr.data.stores.base import Store

KEPT = 4
"""Whole references in memory: crops of one image share it."""


@dataclass
class SelfReferences:
    """A store whose image of a key is the reference of the image of that key; always the same for a seed."""

    images: Store
    hardness: Hardness
    seed: int
    range: Range | None = None
    _made: dict[str, Array] = field(default_factory=dict, init=False, repr=False)

    @property
    def path(self) -> Path:
        return self.images.path

    def keys(self) -> tuple[str, ...]:
        return self.images.keys()

    def info(self, key: str) -> ImageInfo:
        return self.images.info(key)

    def read(self, key: str, window: Window | None = None) -> Array:
        if key not in self._made:
            while len(self._made) >= KEPT:
                self._made.pop(next(iter(self._made)))
            self._made[key] = self._reference(key)
        whole = self._made[key]
        if window is None:
            return whole.copy()
        return whole[window.top : window.bottom, window.left : window.right].copy()

    def close(self) -> None:
        self._made.clear()
        self.images.close()

    def _reference(self, key: str) -> Array:
        keys = self.keys()
        image = self.images.read(key)
        elsewhere = None
        if self.hardness.needs_other:
            elsewhere = self.images.read(keys[another(keys.index(key), len(keys), self.seed, key, self.path)])
        limits = declared(str(image.dtype), self.range, f"{self.path}: {key}")
        return made_reference(image, elsewhere, limits, self.hardness, self.seed, key)


def another(index: int, count: int, seed: int, name: str, where: object) -> int:
    """The image of `count` whose ground the reference of image `index` shows in places."""
    if count < 2:
        raise DataError(f"{where}: a reference made from an image shows another one's ground in places; there is one")
    drawn = numpy_generator(seed, "self-reference", "elsewhere", name).integers(count - 1)
    return (index + 1 + int(drawn)) % count


def made_reference(
    image: Array, elsewhere: Array | None, limits: Range, hardness: Hardness, seed: int, name: str
) -> Array:
    """`self_reference` on images as they are stored, in their own type."""
    low, high = limits
    other = None if elsewhere is None else to_unit(elsewhere, low, high)
    ref = self_reference(to_unit(image, low, high), other, hardness, seed, name)
    raw = ref * np.float32(high - low) + np.float32(low)
    return (np.rint(raw) if image.dtype.kind == "u" else raw).astype(image.dtype)
