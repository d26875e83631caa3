"""What a person gives to be restored, checked against what the network takes, and cut into tiles as it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from refsr.core.errors import DataError, UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.change.calibration import calibration
from refsr.data.change.estimate import estimate_mask
from refsr.data.crops import reduced
from refsr.data.cubes.folder import SingleCube
from refsr.data.cubes.reading import cube_hints, cube_reader, raw_range
from refsr.data.derivation import DERIVED, derived
from refsr.data.images import Array, Window, check_array, read_image
from refsr.data.masks import MadeMask, encode_mask, unchanged_mask
from refsr.data.ranges import Range, declared, to_unit
from refsr.data.sample import Unit
from refsr.data.sets.paired import MaskOptions
from refsr.inference.tile_layout import Sizes
from refsr.networks.descriptor import Descriptor

ImageLike = Array | str | Path
"""An array (H, W) or (H, W, C) in uint8, uint16 or float32, or an image file."""

Spelling = Callable[[str], str]
"""How messages name a keyword of `Restorer.restore`: as it is, or as a command line has it."""


@dataclass(frozen=True)
class Reading:
    """How raw values are read, where that is declared."""

    range: Range | None = None
    """The values that become 0 and 1."""
    bands: Sequence[int] | None = None
    """The bands that are taken, counted from 1."""


DEFAULT = Reading()


@dataclass(frozen=True)
class Given:
    """An image as it was given: (H, W, C) raw values, which of them become 0 and 1, and its name in messages."""

    pixels: Array
    range: Range
    name: str
    all_bands: int
    """How many bands it had before some were taken."""
    reading: Reading

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    def unit(self, window: Window) -> Unit:
        """The pixels under a window in [0, 1]."""
        top, left, height, width = window
        return to_unit(self.pixels[top : top + height, left : left + width], *self.range)


def opened(
    image: ImageLike, role: str, reading: Reading = DEFAULT, like: Given | None = None, option: str = "range"
) -> Given:
    """The image for a role (`lr`, `ref`, ...), read where a file is named.

    What is not declared is as in `like`: the range if the type is the same, the bands if there are as many. `option`
    is what messages call the range.
    """
    if isinstance(image, (str, Path)):
        name, pixels = str(image), read_image(image)
    elif isinstance(image, np.ndarray):
        name, pixels = role, image[:, :, None] if image.ndim == 2 else image
    else:
        kind = type(image).__name__
        raise UsageError(f"{role} is a {kind}; expected a NumPy array (H, W) or (H, W, C), or an image file's path")
    check_array(name, pixels)
    count, range, bands = pixels.shape[2], reading.range, reading.bands
    if like is not None:
        range = like.range if range is None and pixels.dtype == like.pixels.dtype else range
        bands = like.reading.bands if bands is None and count == like.all_bands else bands
    if bands is not None:
        pixels = _chosen(pixels, bands, name)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(f"{name}: has pixels that are not finite; fill them first")
    return Given(pixels, declared(str(pixels.dtype), range, name, option, in_option_file=False), name, count, reading)


def opened_cube(image: ImageLike, options: DatasetOptions, option: str = "range_hsi") -> Given:
    """The cube, read as the options of a data set say; an array has the bands that are wanted and no holes."""
    limits = raw_range(options)
    if not isinstance(image, (str, Path)):
        return opened(image, "hsi", Reading(limits), option=option)
    store = cube_reader(SingleCube(Path(image), cube_hints(options)), options)
    (key,) = store.keys()
    pixels, count = store.read(key), store.source.info(key).bands
    name = str(image)
    return Given(
        pixels, declared(str(pixels.dtype), limits, name, option, in_option_file=False), name, count, Reading(limits)
    )


def read_mask(image: ImageLike, mask: MaskOptions) -> Given:
    """A change mask as the network gets it."""
    given = opened(image, "mask", Reading((0, 1)))
    return replace(given, pixels=encode_mask(given.pixels, mask.encoding, mask.values, given.name))


def make_mask(made: MadeMask, images: Mapping[str, Given], scale: int, mask: MaskOptions) -> Given:
    """A change mask where nobody has one: estimated from LR and Ref, or one that says that nothing changed."""
    lr = images["lr"]
    height, width = (side * scale for side in lr.size)
    if made == "none":
        pixels = unchanged_mask(height, width, mask.encoding, mask.values)
    elif mask.encoding != "changed":
        raise UsageError(
            f"mask estimate: this network learnt with masks in {mask.encoding} coding, which need classes, and an "
            "estimate tells only where; mask none, or a network that learnt with mask_encoding: changed, would do"
        )
    elif "ref" not in images:
        raise UsageError("mask estimate: needs a reference (ref)")
    else:
        ref = images["ref"]
        whole = Window(0, 0, *lr.size), Window(0, 0, *ref.size)
        pixels = estimate_mask(lr.unit(whole[0]), ref.unit(whole[1]), scale).astype(np.float32)
    return Given(pixels, (0, 1), f"mask {made}", pixels.shape[2], DEFAULT)


def said_of_mask(made: MadeMask | None, scale: int) -> str:
    """What a result must say of its change mask."""
    if made == "estimate":
        return calibration(scale).sentence()
    return "the change mask says that nothing changed" if made == "none" else "the change mask is a file's"


class InputSource:
    """Tiles of given images; what the network wants beside them is made by the exact resizer, a tile at a time."""

    def __init__(
        self, images: Mapping[str, Given], descriptor: Descriptor, network: str, spelling: Spelling = str
    ) -> None:
        self._images, self._scale = images, descriptor.scale
        self._check_members(descriptor, network)
        self._check_sizes()
        for name in ("lr", "lr_up", "ref", "ref_down"):
            if name in images:
                option = spelling("bands_ref" if name.startswith("ref") else "bands")
                self._check_bands(images[name], descriptor.channels, option)
        if "hsi" in images and descriptor.hsi_bands:
            self._check_bands(images["hsi"], descriptor.hsi_bands, spelling("bands_hsi"))
        self._made = [name for name in descriptor.inputs if name not in images]
        self._taken = descriptor.inputs if "lr" in descriptor.inputs else ("lr", *descriptor.inputs)

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
        """A given image under a high-resolution window."""
        given = self._images[name]
        if name in ("lr", "hsi"):
            # Tiles lie on the grid of every member, so nothing is rounded here.
            ratio = self._large[0] // given.size[0]
            window = reduced(window, ratio)
        return given.unit(window)

    def _check_members(self, descriptor: Descriptor, network: str) -> None:
        takes = f"{network} takes {', '.join(descriptor.inputs)}"
        for name, given in self._images.items():
            if name != "lr" and name not in descriptor.inputs and not self._needed_for(name, descriptor):
                raise UsageError(f"{given.name}: {takes}, and no {name}")
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
        height, width = self._large
        for name, given in self._images.items():
            if name == "hsi":
                ratio = height // given.size[0] if given.size[0] else 0
                if ratio < 1 or (given.size[0] * ratio, given.size[1] * ratio) != (height, width):
                    raise DataError(
                        f"{given.name}: is {_shown(given.size)}, which does not divide {_shown((height, width))}, "
                        f"the size of {lr.name} times {self._scale}"
                    )
            elif name != "lr" and given.size != (height, width):
                raise DataError(
                    f"{given.name}: is {_shown(given.size)}; beside {lr.name} of {_shown(lr.size)}, "
                    f"scale {self._scale} needs {_shown((height, width))}"
                )

    @staticmethod
    def _check_bands(given: Given, channels: int, option: str) -> None:
        found = given.pixels.shape[2]
        if found == channels:
            return
        choice = " ".join(map(str, range(1, channels + 1))) if channels < 9 else f"1 2 3 ... {channels}"
        mends = ""
        if found > channels:
            mends = f"; {option} {choice} would choose the first {channels}"
        elif found == 1 and channels < 9:
            mends = f"; {option} {' '.join(['1'] * channels)} would take it for each of them"
        raise DataError(f"{given.name}: has {found} band{'s' * (found != 1)}, the network takes {channels}{mends}")


def _chosen(pixels: Array, bands: Sequence[int], name: str) -> Array:
    beyond = [band for band in bands if not 1 <= band <= pixels.shape[2]]
    if beyond:
        raise DataError(f"{name}: bands {beyond} are asked for, the image has 1 to {pixels.shape[2]}")
    return np.ascontiguousarray(pixels[:, :, [band - 1 for band in bands]])


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
