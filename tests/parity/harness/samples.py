"""Answers for training samples, and for the ranges in which networks see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.case import Case
from harness.run import Answers
from refsr.core.window import Window
from refsr.data.augmentation import FlipRotation
from refsr.data.images import Array, ImageInfo, info_of
from refsr.data.masks import encode_mask
from refsr.data.ranges import rescale, to_unit
from refsr.data.sets.paired import Member, PairedSet
from refsr.data.stores.published import swap_colours
from refsr.data.upsampling import bilinear_truncated, nearest
from refsr.metrics.quantise import to_uint8

ONLY = "the sample"


class MemoryStore:
    """One image in memory as a store."""

    path = Path("memory")

    def __init__(self, image: Array) -> None:
        self.image = image

    def keys(self) -> tuple[str, ...]:
        return (ONLY,)

    def info(self, key: str) -> ImageInfo:
        return info_of(self.image)

    def read(self, key: str, window: Window | None = None) -> Array:
        if window is None:
            return self.image
        top, left, height, width = window
        return self.image[top : top + height, left : left + width]

    def close(self) -> None:
        """Nothing is open."""


def _levels(image: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Drawn inputs as the 8-bit images that they stand for."""
    return np.clip(np.floor(image), 0, 255).astype(np.uint8)


def _bands(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(H, W) as an image of one band."""
    return image[..., None] if image.ndim == 2 else image


def _rasters(case: Case) -> dict[str, npt.NDArray[np.uint8]]:
    """The inputs (C, H, W) as 8-bit images (H, W, C)."""
    return {name: np.moveaxis(_levels(image), 0, 2) for name, image in case.inputs().items()}


def _set(images: Mapping[str, Array], scale: int) -> PairedSet:
    return PairedSet({name: Member(MemoryStore(image)) for name, image in images.items()}, scale)


def _turn(draw: Mapping[str, Any]) -> FlipRotation:
    return FlipRotation(bool(draw.get("hflip")), bool(draw.get("vflip")), bool(draw.get("transpose")))


def five_images(case: Case) -> Answers:
    """RRSGAN's and RGTGAN's five stored BGR images, cut and turned by each draw; in validation only HR is cut."""
    members = {"GT": "hr", "LQ": "lr", "LQ_UX4": "lr_up", "Ref": "ref", "Ref_DUX4": "ref_down"}
    inputs = {name: swap_colours(_bands(_levels(image))) for name, image in case.inputs().items()}
    scale, side = case.config.get("scale", 4), case.config.get("GT_size", 0)
    height, width = (length // scale * scale for length in inputs["GT"].shape[:2])
    images = {members[name]: image for name, image in inputs.items()}
    answers: dict[str, npt.ArrayLike] = {}
    for number, draw in enumerate(case.config["draws"]):
        if draw.get("phase") == "val":
            sample = _set({**images, "hr": images["hr"][:height, :width]}, scale)[0]
        else:
            sample = _set(images, scale).at(0, Window(draw["top"], draw["left"], side, side), _turn(draw))
        answers |= {f"{name}_{number}": sample[members[name]] for name in inputs}  # type: ignore[literal-required]
    return answers


def two_images(case: Case) -> Answers:
    """TSFNet's LR and HR, cut at low-resolution corners and turned."""
    scale, side = case.config["scale"], case.config["patch_size"]
    dataset = _set(_rasters(case), scale)
    answers: dict[str, npt.ArrayLike] = {}
    for number, draw in enumerate(case.config["draws"]):
        window = Window(draw["iy"] * scale, draw["ix"] * scale, side, side)
        sample = dataset.at(0, window, _turn(draw))
        answers |= {f"lr_{number}": sample["lr"], f"hr_{number}": sample["hr"]}
    return answers


def changed_places(case: Case) -> Answers:
    """Ref-Diff's crop at any pixel; LR is cut at the corner divided, then enlarged with fractions cut off."""
    scale, side, images = case.config["up_scale"], case.config["crop"], _rasters(case)
    answers: dict[str, npt.ArrayLike] = {}
    for number, (top, left) in enumerate(case.config["offsets"]):
        window = Window(top, left, side, side)
        for name, image in images.items():
            cut = MemoryStore(image).read(ONLY, window.reduced(scale) if name == "lr" else window)
            enlarged = bilinear_truncated(cut, side, side) if name == "lr" else cut
            answers[f"{name}_{number}"] = np.moveaxis(enlarged, 2, 0)
    height, width = images["hr"].shape[:2]
    answers["offset_limits"] = np.array([[0, max(0, height - side)], [0, max(0, width - side)]])
    return answers


def masks_and_images(case: Case) -> Answers:
    """Ref-Diff's masks and images in the network's range, and the mask at the sizes of decoder blocks."""
    inputs = {name: _levels(image) for name, image in case.inputs().items()}
    answers: dict[str, npt.ArrayLike] = {}
    if "image" in inputs:
        answers = dict.fromkeys(("image_train", "image_infer"), rescale(to_unit(inputs["image"], 0, 255), -1, 1))
    if "mask" in inputs:
        mask = np.stack([encode_mask(np.moveaxis(one, 0, 2), "grey", None, "mask") for one in inputs["mask"]])
        answers |= dict.fromkeys(("mask_train", "mask_infer"), np.moveaxis(mask, 3, 1))
        for height, width in case.config.get("sizes", ()):
            smaller = np.stack([nearest(one, height, width) for one in mask])
            answers[f"mask_{height}x{width}"] = np.moveaxis(smaller, 3, 1)
    return answers


def enlarged_lr(case: Case) -> Answers:
    """Ref-Diff's LR in the network's range, enlarged to the network's size by nearest neighbour."""
    size = case.config["size"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, image in case.inputs().items():
        unit = rescale(to_unit(_levels(image), 0, 255), -1, 1)
        enlarged = np.stack([nearest(np.moveaxis(one, 0, 2), size, size) for one in unit])
        answers[name] = np.moveaxis(enlarged, 3, 1)
    return answers


def saved_images(case: Case) -> Answers:
    """Ref-Diff's outputs as 8-bit images, and that every 8-bit value comes back as itself."""
    image = np.moveaxis(case.inputs()["image"].astype(np.float64), 1, 3)
    levels = np.arange(256).reshape(16, 16) / 127.5 - 1
    return {
        "pixels": to_uint8((image + 1) / 2, "truncate"),
        "roundtrip": to_uint8((levels + 1) / 2, "truncate"),
    }


def rasters(case: Case) -> Answers:
    """SpecGAN's rasters in the published ranges, flipped: four times too small where there are not three bands."""
    answers: dict[str, npt.ArrayLike] = {}
    for name, image in _rasters(case).items():
        reach = 1.0 if image.shape[2] == 3 else 0.25
        ranged = rescale(to_unit(image, 0, 255), -reach, reach)
        for flips in case.config["flips"]:
            turned = FlipRotation("horizontal" in flips, "vertical" in flips).apply(ranged)
            answers["_".join([name.removesuffix("_dn"), *flips])] = np.moveaxis(turned, 2, 0)
    return answers
