"""The `datasets` section: where images are and how samples are cut from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from refsr.core.options.cubes import CubeOptions
from refsr.core.options.section import Ignored, Section, without_effect
from refsr.core.registry import canonical


class DatasetOptions(Section):
    """One data set; each `dataroot_*` is a folder of images or an LMDB store."""

    name: str | None = Field(default=None, description="label in logs and reports")
    mode: str = Field(
        description="kind of data set: reference (published: RRSNet, RGTNet), single, self_reference (single images "
        "and a Ref made from each), change or hyperspectral",
        examples=["reference"],
    )

    dataroot_GT: Path | None = Field(default=None, description="high-resolution images (HR), the ground truth")
    dataroot_LQ: Path | None = Field(default=None, description="low-resolution images (LR)")
    dataroot_LQ_UX4: Path | None = Field(
        default=None, description="LR upsampled to the size of HR (LR_UX4; the key is the same at every scale)"
    )
    dataroot_Ref: Path | Annotated[list[Path], Field(min_length=1)] | None = Field(
        default=None,
        description="reference images (Ref) at the size of HR; with register also of other sizes, and several folders, "
        "each with a reference of every place",
        examples=["Ref", ["Ref_2019", "Ref_2021"]],
    )
    dataroot_Ref_DUX4: Path | None = Field(
        default=None, description="Ref downsampled and upsampled again (Ref_DUX4; the key is the same at every scale)"
    )
    dataroot_Ref_weight: Path | None = Field(
        default=None,
        description="weight maps of a Ref that refsr prepare --register registered (Ref_weight, beside Ref_reg)",
    )
    dataroot_Base: Path | None = Field(
        default=None,
        description="what the single-image network of GatedTransfer makes of LR (Base), where train.freeze keeps it as "
        "it is: then it is not computed again in each iteration; refsr restore --bits 16 makes these images",
    )
    dataroot_mask: Path | None = Field(default=None, description="change masks at the size of HR")
    dataroot_hsi: Path | None = Field(default=None, description="hyperspectral cubes, one per sample")
    dataroot_cover: Path | None = Field(
        default=None,
        description="land-cover maps at the size of HR; refsr val scores how well a classifier, fitted to HR and "
        "dataroot_cover of datasets.train, finds these classes in restored images",
    )

    lr: Literal["file", "from_hr"] = Field(
        default="file",
        description="LR is read from dataroot_LQ, or HR is downsampled as MATLAB's bicubic imresize does",
    )
    degradation: str | None = Field(
        default=None,
        description="with lr: from_hr, a degradation of refsr prepare that makes LR instead, drawn anew for each "
        "sample (Ref is registered to bicubic LR)",
        examples=["sensors"],
    )
    lr_up: Literal["file", "from_lr"] = Field(
        default="file", description="LR_UX4 is read from dataroot_LQ_UX4, or LR is upsampled (bicubic)"
    )
    ref_down: Literal["file", "from_ref"] = Field(
        default="file", description="Ref_DUX4 is read from dataroot_Ref_DUX4, or computed from Ref"
    )

    register_ref: Literal["none", "auto", "global", "local"] = Field(
        default="none",
        alias="register",
        description="none: Ref is used as it lies (published); global: an affine transform lays it on LR; local: a "
        "displacement field on top; auto: the field where it makes LR and Ref more alike. Where Ref cannot be trusted, "
        "networks get upsampled LR in its place, or its weight (those that take ref_weight)",
    )
    register_cache: Path | None = Field(
        default=None,
        description="folder of registered references; none: refsr/registered in the user's cache folder",
    )
    hardness: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="mode self_reference: how much Ref differs beyond displacement and colours, as in refsr world "
        "--hardness",
    )
    ref_wrong: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of training samples that get another sample's Ref with its weight map",
    )
    ref_missing: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of training samples without Ref: upsampled LR in its place, weight 0",
    )
    ref_shift: float = Field(
        default=0.0,
        ge=0,
        description="HR pixels by which Ref is moved at most, in half of the training samples; its weight map stays: "
        "what a registration may leave",
    )

    range: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="raw values [low, high] of the images that become 0 and 1; none: [0, 255] for 8-bit images, "
        "[0, 1] for floats; needed for 16-bit images",
        examples=[[0, 4095]],
    )
    range_hsi: list[float] | None = Field(
        default=None, min_length=2, max_length=2, description="the same for the cubes of dataroot_hsi"
    )
    bands: list[int] | None = Field(
        default=None,
        min_length=1,
        description="bands of the images to use, in this order, counted from 1; none: the first three or the only one",
        examples=[[4, 3, 2]],
    )
    bands_hsi: list[int] | None = Field(
        default=None, min_length=1, description="bands of the cubes to use, in this order, counted from 1; none: all"
    )
    hsi: CubeOptions | None = Field(default=None, description="more on how cubes are read")
    mask: Literal["file", "estimate", "none"] = Field(
        default="file",
        description="change masks are read from dataroot_mask, estimated from LR and Ref, or empty (nothing changed); "
        "with estimate and none, dataroot_mask only selects the changed areas that are scored apart",
    )
    mask_values: list[int] | None = Field(
        default=None,
        min_length=2,
        description="mask values in the order of their classes, unchanged first; none: unchanged is 0; needed by the "
        "encodings index and one_hot",
    )
    mask_encoding: Literal["grey", "index", "one_hot", "changed"] = Field(
        default="grey",
        description="how a mask becomes numbers. grey: value / 255 (published); index: class index / (classes - 1); "
        "one_hot: a channel per class; changed: 1 where anything changed, which estimated masks need",
    )

    verify_reads: bool = Field(
        default=True,
        description="when a process first reads an image, check its bytes against the digest in its packed store, or "
        "in the folder's SHA256SUMS (refsr store digest); false: no check",
    )
    n_workers: int = Field(default=2, ge=0, le=256, description="data loader processes of each training process")
    batch_size: int = Field(default=1, ge=1, description="samples per iteration, over all training processes together")
    GT_size: int | None = Field(default=None, ge=1, description="side of square crops in HR pixels; none: whole images")
    crop: Literal["aligned", "release"] = Field(
        default="aligned",
        description="aligned: crops start at multiples of the scale; release: at any pixel as published, so that LR is "
        "off by up to scale - 1 HR pixels",
    )
    use_flip: bool = Field(default=False, description="flip horizontally with probability 1/2")
    use_rot: bool = Field(default=False, description="flip vertically and transpose, each with probability 1/2")

    use_shuffle: Ignored = without_effect("training data are always shuffled, validation data never")
    data_type: Ignored = without_effect("whether a dataroot is a folder or an LMDB store is detected")

    @property
    def kind(self) -> str:
        """The mode without its published spelling: reference, single, self_reference, change or hyperspectral."""
        return canonical("dataset", self.mode)

    def roots(self) -> dict[str, Path]:
        """The given folders by their keys, in the order of the section."""
        keys = [key for key in type(self).model_fields if key.startswith("dataroot_")]
        given = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        return {key: root for key, root in given.items() if not isinstance(root, list)} | {
            f"{key}.{number}": root
            for key, roots in given.items()
            if isinstance(roots, list)
            for number, root in enumerate(roots)
        }

    def references(self) -> tuple[Path, ...]:
        """The folders of dataroot_Ref, none or more."""
        if isinstance(self.dataroot_Ref, list):
            return tuple(self.dataroot_Ref)
        return () if self.dataroot_Ref is None else (self.dataroot_Ref,)
