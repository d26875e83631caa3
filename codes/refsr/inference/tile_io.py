"""Where tiles come from and where they go: sources and sinks of pixels, between which nothing knows of files.

A source gives the members that a network takes under a window of LR. A sink takes the restored tiles. Arrays and
images are both here; anything else that has these methods, such as a raster that is read and written by blocks, can be
restored by `restore_tiles` too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.core.window import Window
from refsr.data.derivation import DERIVED, derived
from refsr.data.sample import Unit
from refsr.inference.agreement import check_bands, check_cube_size, check_size
from refsr.inference.inputs import Input, Spelling
from refsr.inference.tile_layout import Sizes
from refsr.networks.descriptor import INPUTS, Descriptor
from refsr.tasks.base import Batch


class TileSource(Protocol):
    """Where tiles are cut from: a batch in memory, images, rasters."""

    @property
    def sizes(self) -> Sizes:
        """Height and width of each member that the network takes, and of LR."""

    def cut(self, window: Window) -> Batch:
        """All members under a window of LR: tensors (B, C, h, w) in [0, 1]."""


class TileSink(Protocol):
    """Where restored tiles go: an image in memory, a raster that is written block by block."""

    def add(self, window: Window, tile: Tensor) -> None:
        """Adds (B, C, h, w) at a window of the restored image; where tiles overlap their weights sum to one.

        Tiles come row by row, and those of a row from left to right.
        """


class BatchSource:
    """The tile source of a batch: those of its members that a network may take."""

    def __init__(self, batch: Batch) -> None:
        self._members: dict[str, Tensor] = {name: batch[name] for name in INPUTS if name in batch}

    @property
    def sizes(self) -> Sizes:
        return {name: (member.shape[-2], member.shape[-1]) for name, member in self._members.items()}

    def cut(self, window: Window) -> Batch:
        height, width = self.sizes["lr"]
        found: dict[str, Any] = {}
        for name, member in self._members.items():
            rows = _part(window.top, window.height, height, member.shape[-2])
            columns = _part(window.left, window.width, width, member.shape[-1])
            found[name] = member[..., rows, columns]
        return found


class InputSource:
    """A tile source of images; what the network takes beside them is made by the exact resizer, a tile at a time."""

    def __init__(
        self,
        images: Mapping[str, Input],
        descriptor: Descriptor,
        network: str,
        spelling: Spelling = str,
        beside: Sequence[str] = (),
    ) -> None:
        self._images, self._scale, self._beside = images, descriptor.scale, beside
        self._check_members(descriptor, network)
        self._check_sizes()
        for name, option in (("lr", "bands"), ("lr_up", "bands"), ("ref", "bands_ref"), ("ref_down", "bands_ref")):
            if name in images:
                check_bands(images[name].name, images[name].pixels.shape[2], descriptor.channels, spelling(option))
        if "hsi" in images and descriptor.hsi_bands:
            check_bands(images["hsi"].name, images["hsi"].pixels.shape[2], descriptor.hsi_bands, spelling("bands_hsi"))
        self._made = [name for name in descriptor.inputs if name not in images]
        more = [name for name in beside if name in images and name not in descriptor.inputs]
        self._taken = (*(descriptor.inputs if "lr" in descriptor.inputs else ("lr", *descriptor.inputs)), *more)

    @property
    def sizes(self) -> Sizes:
        large = self._large
        return {name: large if name in self._made else self._images[name].size for name in self._taken}

    def cut(self, window: Window) -> dict[str, Tensor]:
        height, width = self._large
        large = Window(*(self._scale * edge for edge in window))
        members = {}
        for name in self._taken:
            if name in self._made:
                image = derived(name, self._read, large, self._scale, height, width)
            else:
                image = self._read(name, large)
            members[name] = torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C"))[None]
        return members

    @property
    def _large(self) -> tuple[int, int]:
        height, width = self._images["lr"].size
        return self._scale * height, self._scale * width

    def _read(self, name: str, window: Window) -> Unit:
        """An image under a high-resolution window."""
        image = self._images[name]
        if name in ("lr", "hsi"):
            # Tiles lie on the grid of every member, so nothing is rounded here.
            ratio = self._large[0] // image.size[0]
            window = window.reduced(ratio)
        return image.unit(window)

    def _check_members(self, descriptor: Descriptor, network: str) -> None:
        takes = f"{network} takes {', '.join(descriptor.inputs)}"
        for name, image in self._images.items():
            free = name == "lr" or name in descriptor.inputs or name in self._beside
            if not free and not self._needed_for(name, descriptor):
                raise UsageError(f"{image.name}: {takes}, and no {name}")
        for name in descriptor.inputs:
            if name not in self._images and DERIVED.get(name) not in self._images:
                wanted = DERIVED.get(name, name)
                what = {"ref": "a reference (ref)", "mask": "a change mask (mask)", "hsi": "a cube (hsi)"}.get(
                    wanted, wanted
                )
                else_ = "; mask estimate or none would do without a file" if wanted == "mask" else ""
                raise UsageError(f"{what} is missing: {takes}{else_}")

    def _needed_for(self, name: str, descriptor: Descriptor) -> bool:
        """Whether a member that the network does not take is what one that it takes is made from."""
        return any(DERIVED.get(other) == name and other not in self._images for other in descriptor.inputs)

    def _check_sizes(self) -> None:
        lr = self._images["lr"]
        for name, image in self._images.items():
            if name == "hsi":
                check_cube_size(image.name, image.size, lr.name, lr.size, self._scale)
            elif name != "lr":
                check_size(image.name, image.size, lr.name, lr.size, self._scale)


class TensorSink:
    """The tile sink of an image in memory: `image` is (B, C, height, width)."""

    def __init__(
        self, height: int, width: int, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
    ) -> None:
        self._height, self._width, self._device, self._dtype = height, width, device, dtype
        self._image: Tensor | None = None

    @property
    def image(self) -> Tensor:
        """What was added so far; its type is that of the first tile, unless one was asked for."""
        assert self._image is not None, "no tile was added"
        return self._image

    def add(self, window: Window, tile: Tensor) -> None:
        if self._image is None:
            shape = (*tile.shape[:2], self._height, self._width)
            self._image = torch.zeros(shape, dtype=self._dtype or tile.dtype, device=self._device)
        top, left, height, width = window
        self._image[..., top : top + height, left : left + width] += tile.to(self._device)


def _part(start: int, count: int, length: int, member: int) -> slice:
    """A part of LR's side as a part of a member's."""
    return slice(start * member // length, (start + count) * member // length)
