"""Answers the parity cases of training samples and of the ranges in which networks see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.case import Case
from harness.run import Answers
from refsr.data.augmentation import FlipRotation
from refsr.data.crops import reduced
from refsr.data.enlargement import bilinear_truncated, nearest
from refsr.data.images import Array, ImageInfo, Window, info_of
from refsr.data.masks import encode_mask
from refsr.data.ranges import rescale, to_unit
from refsr.data.sets.paired import Member, PairedSet
from refsr.data.stores.published import swap_colours
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


def _set(images: Mapping[str, Array], scale: int) -> PairedSet:
    return PairedSet({name: Member(MemoryStore(image)) for name, image in images.items()}, scale)


def _turn(draw: Mapping[str, Any]) -> FlipRotation:
    return FlipRotation(bool(draw.get("hflip")), bool(draw.get("vflip")), bool(draw.get("transpose")))


def rgtgan_samples(case: Case) -> Answers:
    """Five stored BGR images, cut and turned by each draw, and whole for the validation phase."""
    members = {"GT": "hr", "LQ": "lr", "LQ_UX4": "lr_up", "Ref": "ref", "Ref_DUX4": "ref_down"}
    inputs = {members[name]: swap_colours(_levels(image)) for name, image in case.inputs().items()}
    dataset, side = _set(inputs, case.config["scale"]), case.config["GT_size"]
    answers: dict[str, npt.ArrayLike] = {}
    for number, draw in enumerate(case.config["draws"]):
        if draw.get("phase") == "val":
            sample = dataset[0]
        else:
            sample = dataset.at(0, Window(draw["top"], draw["left"], side, side), _turn(draw))
        answers |= {f"{name}_{number}": sample[member] for name, member in members.items()}  # type: ignore[literal-required]
    return answers


def tsfnet_samples(case: Case) -> Answers:
    """LR and HR, cut at low-resolution corners and turned."""
    scale, side = case.config["scale"], case.config["patch_size"]
    images = {name: np.moveaxis(_levels(image), 0, 2) for name, image in case.inputs().items()}
    dataset = _set(images, scale)
    answers: dict[str, npt.ArrayLike] = {}
    for number, draw in enumerate(case.config["draws"]):
        window = Window(draw["iy"] * scale, draw["ix"] * scale, side, side)
        sample = dataset.at(0, window, _turn(draw))
        answers |= {f"lr_{number}": sample["lr"], f"hr_{number}": sample["hr"]}
    return answers


def refdiff_samples(case: Case) -> Answers:
    """The release's crop at any pixel, LR cut at the corner divided, enlarged with fractions cut off."""
    scale, side = case.config["up_scale"], case.config["crop"]
    images = {name: np.moveaxis(_levels(image), 0, 2) for name, image in case.inputs().items()}
    stores = {name: MemoryStore(image) for name, image in images.items()}
    answers: dict[str, npt.ArrayLike] = {}
    for number, (top, left) in enumerate(case.config["offsets"]):
        window = Window(top, left, side, side)
        low = bilinear_truncated(stores["lr"].read(ONLY, reduced(window, scale)), side, side)
        answers[f"lr_{number}"] = np.moveaxis(low, 2, 0)
        for name in ("hr", "ref", "mask"):
            answers[f"{name}_{number}"] = np.moveaxis(stores[name].read(ONLY, window), 2, 0)
    height, width = images["hr"].shape[:2]
    answers["offset_limits"] = np.array([[0, height - side], [0, width - side]])
    return answers


def refdiff_ranges(case: Case) -> Answers:
    """Masks and images in the network's range, and the mask at the sizes of decoder blocks."""
    inputs = {name: _levels(image) for name, image in case.inputs().items()}
    mask = np.stack([encode_mask(np.moveaxis(one, 0, 2), "grey", None, "mask") for one in inputs["mask"]])
    image = rescale(to_unit(inputs["image"], 0, 255), -1, 1)
    planes = np.moveaxis(mask, 3, 1)
    answers = {"mask_train": planes, "mask_infer": planes, "image_train": image, "image_infer": image}
    for height, width in case.config["sizes"]:
        smaller = np.stack([nearest(one, height, width) for one in mask])
        answers[f"mask_{height}x{width}"] = np.moveaxis(smaller, 3, 1)
    return answers


def refdiff_enlargement(case: Case) -> Answers:
    """LR in the network's range, enlarged to the network's size by nearest neighbour."""
    size = case.config["size"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, image in case.inputs().items():
        unit = rescale(to_unit(_levels(image), 0, 255), -1, 1)
        enlarged = np.stack([nearest(np.moveaxis(one, 0, 2), size, size) for one in unit])
        answers[name] = np.moveaxis(enlarged, 3, 1)
    return answers


def refdiff_files(case: Case) -> Answers:
    """Network outputs as 8-bit images, and that every 8-bit value comes back as itself."""
    image = np.moveaxis(case.inputs()["image"].astype(np.float64), 1, 3)
    levels = np.arange(256).reshape(16, 16) / 127.5 - 1
    return {
        "pixels": to_uint8((image + 1) / 2, "truncate"),
        "roundtrip": to_uint8((levels + 1) / 2, "truncate"),
    }


def specgan_samples(case: Case) -> Answers:
    """Rasters in the ranges that the published weights were trained with, LR's four times too small, and flipped."""
    inputs = {name: np.moveaxis(_levels(image), 0, 2) for name, image in case.inputs().items()}
    lq = rescale(to_unit(inputs["lq_dn"], 0, 255), -0.25, 0.25)
    gt = rescale(to_unit(inputs["gt_dn"], 0, 255), -1, 1)
    answers: dict[str, npt.ArrayLike] = {}
    for flips in case.config["flips"]:
        turn = FlipRotation("horizontal" in flips, "vertical" in flips)
        label = "_".join(["", *flips])
        answers |= {f"{name}{label}": np.moveaxis(turn.apply(image), 2, 0) for name, image in (("lq", lq), ("gt", gt))}
    return answers
