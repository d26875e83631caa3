"""Registered references as stores: made when they are first read, then read by windows like prepared ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.data.degradation.levels import levels_of, quantised
from refsr.data.degradation.presets import preset
from refsr.data.degradation.steps import apply_steps
from refsr.data.images import Array, ImageInfo
from refsr.data.ranges import Range
from refsr.data.registered import cache
from refsr.data.registered.registered_ref import RegisteredRef, registered_ref
from refsr.data.sample import Unit
from refsr.data.stores.base import Store
from refsr.registration.options import Mode

Plane = Literal["ref", "weight", "used"]


@dataclass
class RegisteredRefs:
    """The references of a data set, registered to its LR on whole images, and kept in a cache folder."""

    hr: Store
    lr: Store | None
    """None: LR is made from HR, as `refsr prepare` makes it."""
    refs: tuple[Store, ...]
    """One, or several of each place."""
    scale: int
    mode: Mode
    range: Range | None
    folder: Path
    _files: dict[str, Path] = field(default_factory=dict, init=False, repr=False)

    def raw_refs(self, key: str) -> list[Array]:
        """The references of an image as they are stored, not registered."""
        return [store.read(key) for store in self.refs]

    def file(self, key: str) -> Path:
        """The cache file of an image; made now where it is missing."""
        if key not in self._files or not self._files[key].is_file():
            lr, refs = self._lr(key), self.raw_refs(key)
            given = None if self.range is None else [float(edge) for edge in self.range]
            name = cache.key_of(lr, refs, {"mode": self.mode, "scale": self.scale, "range": given})
            file = self.folder / f"{name}.safetensors"
            if cache.read(file) is None:
                cache.write(file, registered_ref(lr, refs, self.scale, self.mode, (self.range, self.range), key))
            self._files[key] = file
        return self._files[key]

    def records(self, key: str) -> tuple[dict[str, Any], ...]:
        """What the registration of each reference of an image came to."""
        found = cache.read(self.file(key))
        return () if found is None else found.records

    def registered(self, key: str, refs: Sequence[Unit]) -> RegisteredRef:
        """Other references than the stored ones, in [0, 1], registered to an image's LR; not kept."""
        return registered_ref(self._lr(key), refs, self.scale, self.mode, (self.range, None), key)

    def _lr(self, key: str) -> Array:
        if self.lr is not None:
            return self.lr.read(key)
        hr = self.hr.read(key)
        height, width = (side // self.scale * self.scale for side in hr.shape[:2])
        steps = preset("bicubic").draw(numpy_generator(0), height, width, self.scale)
        return quantised(apply_steps(hr[:height, :width], steps), levels_of(hr))


@dataclass(frozen=True)
class RegisteredStore:
    """One plane of registered references behind the interface of every store."""

    source: RegisteredRefs
    plane: Plane

    @property
    def path(self) -> Path:
        return self.source.refs[0].path

    def keys(self) -> tuple[str, ...]:
        return self.source.refs[0].keys()

    def info(self, key: str) -> ImageInfo:
        hr = self.source.hr.info(key)
        if self.plane != "ref":
            return ImageInfo(hr.height, hr.width, 1, "uint8")
        ref = self.source.refs[0].info(key)
        return ImageInfo(hr.height, hr.width, ref.bands, ref.dtype)

    def read(self, key: str, window: Window | None = None) -> Array:
        return cache.read_window(self.source.file(key), self.plane, window)

    def close(self) -> None:
        for store in self.source.refs:
            store.close()
