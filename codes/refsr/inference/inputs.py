"""The images that are restored, and the options that say how: files and arrays become raw values with a range."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from refsr.core.errors import DataError, UsageError
from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.sampling import SamplingOptions
from refsr.core.progress import Announce
from refsr.core.window import Window
from refsr.data.change.calibration import calibration
from refsr.data.change.estimate import change_where, estimate_mask
from refsr.data.cubes.folder import SingleCube
from refsr.data.cubes.reading import cube_hints, cube_reader, raw_range
from refsr.data.images import Array, check_array, read_image
from refsr.data.masks import MadeMask, encode_mask, unchanged_mask
from refsr.data.ranges import Range, beyond_range, declared, to_unit
from refsr.data.sample import Unit
from refsr.data.sets.paired import MaskOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.registered import registered, upsampled
from refsr.inference.trust_options import Consistent
from refsr.registration.options import Mode

ImageLike = Array | str | Path
"""An array (H, W) or (H, W, C) in uint8, uint16 or float32, or an image file."""

LOG = logging.getLogger(__name__)

Spelling = Callable[[str], str]
"""How messages name a keyword of `Restorer.restore`: as it is, or as a command line has it."""


@dataclass(frozen=True)
class RestoreOptions:
    """Everything but the images that a restored image depends on: keywords of `Restorer.restore`."""

    range: Range | None = None
    range_ref: Range | None = None
    range_hsi: Range | None = None
    bands: Sequence[int | str] | None = None
    bands_ref: Sequence[int | str] | None = None
    bands_hsi: Sequence[int] | None = None
    made_mask: MadeMask | None = None
    mask_options: MaskOptions | None = None
    tile: int | None = None
    overlap: int = 0
    sampling: SamplingOptions | Mapping[str, Any] | None = None
    seed: int | None = None
    bits: Literal[16] | None = None
    """Of the result where LR has 8: 16 keep what rounding would lose."""
    register: Mode | None = None
    """How references are registered to LR. None: `auto` for images and rasters, `none` for tensors."""
    consistent: Consistent | None = None
    """How the result is held to LR. None: as the model's card says."""
    response: str | None = None
    """How LR's sensor reduces what it sees: bicubic, box or mtf:VALUE. None: as the model's card says."""
    ref_strength: float = 1.0
    """How much of what the reference brings is added, 0 to 1."""
    guard: bool | None = None
    """Whether what contradicts LR is left out of what the reference brings. None: unless the model samples, whose time
    it would double."""
    evidence: bool = False
    """Whether evidence is made beside the image."""
    raster: RasterOptions = field(default_factory=RasterOptions)
    spelling: Spelling = str
    """How messages name these keywords."""


@dataclass(frozen=True)
class ReadOptions:
    """How raw values are read, where that is declared."""

    range: Range | None = None
    """The values that become 0 and 1."""
    bands: Sequence[int | str] | None = None
    """The bands that are taken, counted from 1."""


AS_IS = ReadOptions()


@dataclass(frozen=True)
class Input:
    """An image in memory: (H, W, C) raw values, which of them become 0 and 1, and its name in messages."""

    pixels: Array
    range: Range
    name: str
    all_bands: int
    """How many bands it had before some were taken."""
    options: ReadOptions = AS_IS

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    def unit(self, window: Window) -> Unit:
        """The pixels under a window in [0, 1]."""
        top, left, height, width = window
        return to_unit(self.pixels[top : top + height, left : left + width], *self.range)


def open_inputs(
    images: Mapping[str, ImageLike],
    options: RestoreOptions,
    scale: int,
    trained_masks: MaskOptions,
    trained_cubes: DatasetOptions,
    announce: Announce = LOG.info,
    weighted: bool = False,
) -> dict[str, Input]:
    """The images by role, opened as the options say, else as in training; with the mask that is to be made.

    The reference is registered first, so that a mask is estimated from what the network gets. `announce` gets the line
    that says how. With `weighted`, the network takes the reference's weight map: 1 where none was registered, and 0
    where there is no reference, in whose place is upsampled LR. Evidence has the weight map too, of any reference.
    """
    spelling = options.spelling
    lr = open_input(images["lr"], "lr", ReadOptions(options.range, options.bands), option=spelling("range"))
    inputs = {"lr": lr}
    reference = ReadOptions(options.range_ref, options.bands_ref)
    for role, read, option in (
        ("lr_up", AS_IS, "range"),
        ("ref", reference, "range_ref"),
        ("ref_down", reference, "range_ref"),
    ):
        if role in images:
            inputs[role] = open_input(images[role], role, read, lr, spelling(option))
    if weighted or (options.evidence and "ref" in inputs):
        size = (scale * lr.size[0], scale * lr.size[1], 1)
        inputs["ref_weight"] = Input(np.full(size, "ref" in inputs, np.float32), (0, 1), "ref_weight", 1)
    if weighted and "ref" not in inputs:
        large = upsampled(lr.unit(Window(0, 0, *lr.size)), scale)
        inputs["ref"] = Input(large, (0, 1), "ref", large.shape[2])
    elif "ref" in inputs and (options.register or "auto") != "none":
        inputs |= _registered(inputs, scale, options.register or "auto", announce, blend=not weighted)
    if options.evidence and "ref" in images:
        inputs["change"] = _change(inputs, scale)
    masks = options.mask_options or trained_masks
    if "mask" in images:
        inputs["mask"] = open_mask(images["mask"], masks)
    elif options.made_mask is not None:
        inputs["mask"] = make_mask(options.made_mask, inputs, scale, masks)
    if "hsi" in images:
        cubes = _cube_options(trained_cubes, options.range_hsi, options.bands_hsi)
        inputs["hsi"] = open_cube(images["hsi"], cubes, spelling("range_hsi"))
    return inputs


def _change(inputs: Mapping[str, Input], scale: int) -> Input:
    """(s*h, s*w, 1): the probability that the ground changed since the reference; 0 where none lies on LR."""
    lr, ref, weight = inputs["lr"], inputs["ref"], inputs["ref_weight"]
    whole, large = Window(0, 0, *lr.size), Window(0, 0, *ref.size)
    if ref.size != (scale * lr.size[0], scale * lr.size[1]):
        found = np.zeros((*weight.size, 1), np.float32)
    else:
        found = change_where(lr.unit(whole), ref.unit(large), weight.pixels[:, :, 0], scale)[:, :, None]
    return Input(found, (0, 1), "change", 1)


def _registered(
    inputs: Mapping[str, Input], scale: int, mode: Mode, announce: Announce, blend: bool
) -> dict[str, Input]:
    """The reference, and what is given of it, registered to LR; as they are where their bands differ from LR's."""
    lr, ref = inputs["lr"], inputs["ref"]
    if lr.pixels.shape[2] != ref.pixels.shape[2] and blend:
        return {}
    names = [name for name in ("ref", "ref_down") if name in inputs and inputs[name].size == ref.size]
    whole = {name: image.unit(Window(0, 0, *image.size)) for name, image in inputs.items() if name in (*names, "lr")}
    given = inputs.get("lr_up")
    fits = given is not None and given.size == (scale * lr.size[0], scale * lr.size[1])
    large = given.unit(Window(0, 0, *given.size)) if given is not None and fits else None
    made = registered(whole["lr"], {name: whole[name] for name in names}, scale, mode, large, blend)
    announce(made.line)
    planes = made.images | ({"ref_weight": made.weight[:, :, None]} if "ref_weight" in inputs else {})
    return {name: replace(inputs[name], pixels=image, range=(0, 1)) for name, image in planes.items()}


def require_image(image: object, role: str) -> None:
    """A UsageError for what is neither an array nor a path."""
    if not isinstance(image, (str, Path, np.ndarray)):
        kind = type(image).__name__
        raise UsageError(f"{role} is a {kind}; expected a NumPy array (H, W) or (H, W, C), or an image file's path")


def open_input(
    image: ImageLike, role: str, options: ReadOptions = AS_IS, like: Input | None = None, option: str = "range"
) -> Input:
    """The image for a role (`lr`, `ref`, ...), read where a file is named.

    What is not declared is as in `like`: the range if the type is the same, the bands if there are as many. `option`
    is what messages call the range.
    """
    require_image(image, role)
    if isinstance(image, np.ndarray):
        name, pixels = role, image[:, :, None] if image.ndim == 2 else image
    else:
        name, pixels = str(image), read_image(image)
    check_array(name, pixels)
    count, range, bands = pixels.shape[2], options.range, options.bands
    if like is not None:
        range = like.range if range is None and pixels.dtype == like.pixels.dtype else range
        bands = like.options.bands if bands is None and count == like.all_bands else bands
    if bands is not None:
        pixels = _chosen(pixels, bands, name)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(f"{name}: has pixels that are not finite; fill them first")
    limits = declared(str(pixels.dtype), range, name, option, in_option_file=False)
    if role != "mask" and (beyond := beyond_range(pixels, *limits)):
        LOG.warning("%s: %s; %s states the raw values of 0 and 1", name, beyond, option)
    return Input(pixels, limits, name, count, options)


def open_cube(image: ImageLike, options: DatasetOptions, option: str = "range_hsi") -> Input:
    """The cube, read as the options of a data set say; an array has the bands that are wanted and no holes."""
    limits = raw_range(options)
    if not isinstance(image, (str, Path)):
        return open_input(image, "hsi", ReadOptions(limits), option=option)
    store = cube_reader(SingleCube(Path(image), cube_hints(options)), options)
    (key,) = store.keys()
    pixels, count = store.read(key), store.source.info(key).bands
    range = declared(str(pixels.dtype), limits, str(image), option, in_option_file=False)
    return Input(pixels, range, str(image), count, ReadOptions(limits))


def open_mask(image: ImageLike, options: MaskOptions) -> Input:
    """A change mask as the network gets it."""
    raw = open_input(image, "mask", ReadOptions((0, 1)))
    return replace(raw, pixels=encode_mask(raw.pixels, options.encoding, options.values, raw.name))


def make_mask(made: MadeMask, images: Mapping[str, Input], scale: int, options: MaskOptions) -> Input:
    """A change mask where nobody has one: estimated from LR and Ref, or one that says that nothing changed."""
    lr = images["lr"]
    height, width = (side * scale for side in lr.size)
    if made == "none":
        pixels = unchanged_mask(height, width, options.encoding, options.values)
    elif options.encoding != "changed":
        raise UsageError(
            f"mask estimate: this network was trained with masks in {options.encoding} coding, which need classes, and "
            "an estimate only says where; mask none, or a network trained with mask_encoding: changed, would do"
        )
    elif "ref" not in images:
        raise UsageError("mask estimate: needs a reference (ref)")
    else:
        ref = images["ref"]
        whole = Window(0, 0, *lr.size), Window(0, 0, *ref.size)
        pixels = estimate_mask(lr.unit(whole[0]), ref.unit(whole[1]), scale).astype(np.float32)
    return Input(pixels, (0, 1), f"mask {made}", pixels.shape[2])


def describe_mask(made: MadeMask | None, scale: int) -> str:
    """Where a result's change mask came from, for its log line and its tags."""
    if made == "estimate":
        return calibration(scale).sentence()
    return "the change mask says that nothing changed" if made == "none" else "the change mask is a file's"


def _chosen(pixels: Array, wanted: Sequence[int | str], name: str) -> Array:
    words = [band for band in wanted if isinstance(band, str)]
    if words:
        raise DataError(f"{name}: bands {words} are asked for; an image's bands have numbers only, counted from 1")
    bands = [int(band) for band in wanted]
    beyond = [band for band in bands if not 1 <= band <= pixels.shape[2]]
    if beyond:
        raise DataError(f"{name}: bands {beyond} are asked for, the image has 1 to {pixels.shape[2]}")
    return np.ascontiguousarray(pixels[:, :, [band - 1 for band in bands]])


def _cube_options(trained: DatasetOptions, limits: Range | None, bands: Sequence[int] | None) -> DatasetOptions:
    """How a cube is read: as in training, unless its raw values or its bands are declared."""
    section = trained.hsi or CubeOptions()
    if limits is not None:
        section = section.model_copy(update={"divide_by": None, "clip": None})
        trained = trained.model_copy(update={"range_hsi": list(limits)})
    if bands is not None:
        section = section.model_copy(update={"band_ranges": None, "wavelengths": None, "wavelength_ranges": None})
        trained = trained.model_copy(update={"bands_hsi": list(bands)})
    return trained.model_copy(update={"hsi": section})
