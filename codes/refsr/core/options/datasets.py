"""The `datasets` section: where images lie and how samples are cut from them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from refsr.core.options.cubes import CubeOptions
from refsr.core.options.section import Ignored, Section, without_effect
from refsr.core.registry import canonical


class DatasetOptions(Section):
    """One data set; the folders may be image folders or LMDB stores."""

    name: str | None = Field(default=None, description="label in logs and reports")
    mode: str = Field(
        description="kind of data set: reference (published: RRSNet, RGTNet), single, change or hyperspectral",
        examples=["reference"],
    )

    dataroot_GT: Path | None = Field(default=None, description="high-resolution images (HR), the target")
    dataroot_LQ: Path | None = Field(default=None, description="low-resolution images (LR)")
    dataroot_LQ_UX4: Path | None = Field(
        default=None, description="LR enlarged to the size of HR; the 4 stays at every scale"
    )
    dataroot_Ref: Path | None = Field(default=None, description="reference images at the size of HR")
    dataroot_Ref_DUX4: Path | None = Field(
        default=None, description="Ref reduced by the scale and enlarged again; the 4 stays at every scale"
    )
    dataroot_mask: Path | None = Field(default=None, description="change masks at the size of HR")
    dataroot_hsi: Path | None = Field(default=None, description="hyperspectral cubes, one a sample")
    dataroot_cover: Path | None = Field(
        default=None,
        description="land cover by class, at the size of HR; refsr val scores how far restored images show it, as a "
        "classifier reads them that it fits to HR and dataroot_cover of datasets.train",
    )

    lr: Literal["file", "from_hr"] = Field(
        default="file", description="LR is read from dataroot_LQ, or made from HR by the exact bicubic reduction"
    )
    lr_up: Literal["file", "from_lr"] = Field(
        default="file", description="LR_UX4 is read from dataroot_LQ_UX4, or made from LR by bicubic enlargement"
    )
    ref_down: Literal["file", "from_ref"] = Field(
        default="file", description="Ref_DUX4 is read from dataroot_Ref_DUX4, or made from Ref"
    )

    range: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="raw values [low, high] of the images that become 0 and 1; none: [0, 255] for 8 bits, "
        "[0, 1] for floats; 16 bits must declare it",
        examples=[[0, 4095]],
    )
    range_hsi: list[float] | None = Field(
        default=None, min_length=2, max_length=2, description="the same for the cubes of dataroot_hsi"
    )
    bands: list[int] | None = Field(
        default=None,
        min_length=1,
        description="bands of the images to take, in this order, counted from 1; none: the first three or the only one",
        examples=[[4, 3, 2]],
    )
    bands_hsi: list[int] | None = Field(
        default=None, min_length=1, description="bands of the cubes to take, in this order, counted from 1; none: all"
    )
    hsi: CubeOptions | None = Field(default=None, description="how cubes are read beyond range_hsi and bands_hsi")
    mask: Literal["file", "estimate", "none"] = Field(
        default="file",
        description="change masks are read from dataroot_mask, estimated from LR and Ref, or say that nothing changed; "
        "where they are not read, files of dataroot_mask only tell where results are scored as changed",
    )
    mask_values: list[int] | None = Field(
        default=None,
        min_length=2,
        description="mask values in the order of their classes, unchanged first (none: it is 0); needed by the "
        "encodings index and one_hot",
    )
    mask_encoding: Literal["grey", "index", "one_hot", "changed"] = Field(
        default="grey",
        description="how a mask becomes numbers: grey value / 255 (published), class index / (classes - 1), a "
        "plane a class, or 1 where anything changed, all that an estimate can tell",
    )

    n_workers: int = Field(default=2, ge=0, le=256, description="loader processes of each training process")
    batch_size: int = Field(default=1, ge=1, description="samples an iteration over all training processes together")
    GT_size: int | None = Field(default=None, ge=1, description="side of square crops in HR pixels; none: whole images")
    crop: Literal["aligned", "release"] = Field(
        default="aligned",
        description="corners of crops are multiples of the scale, or any pixel as published, where LR is off by up "
        "to scale - 1 pixels",
    )
    use_flip: bool = Field(default=False, description="mirror left-right in half of the draws")
    use_rot: bool = Field(default=False, description="mirror top-bottom and transpose, each in half of the draws")

    use_shuffle: Ignored = without_effect("training data are always shuffled, validation data never")
    data_type: Ignored = without_effect("folder or LMDB is seen from what stands at dataroot_*")

    @property
    def kind(self) -> str:
        """The mode without its published spelling: reference, single, change or hyperspectral."""
        return canonical("dataset", self.mode)

    def roots(self) -> dict[str, Path]:
        """The given folders by their keys, in the order of the section."""
        keys = [key for key in type(self).model_fields if key.startswith("dataroot_")]
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
