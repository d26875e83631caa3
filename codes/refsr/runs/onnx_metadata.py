"""What an ONNX file says of its network, in one entry of its metadata: a schema, and a digest of the whole file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from refsr.core.errors import DataError
from refsr.core.foreign_files import parse_json
from refsr.core.options.section import Section
from refsr.networks.descriptor import INPUTS, Descriptor

if TYPE_CHECKING:
    from onnx import ModelProto

KEY = "refsr"
"""The entry of the metadata that holds all of it, as JSON."""
FORMAT: Literal["refsr-onnx-1"] = "refsr-onnx-1"

Count = Annotated[int, Field(ge=1)]


class OnnxMetadata(Section):
    """What the file says beside its graph; sizes are in LR pixels."""

    format: Literal["refsr-onnx-1"]
    refsr: str
    """The version that wrote it."""
    network: str
    inputs: list[str] = Field(min_length=1)
    """The graph's inputs in their order, as members of a sample."""
    base: bool = False
    """Whether the graph also gives the image without a reference, as its second output, `base`."""
    scale: Count
    channels: Count
    hsi_bands: int = Field(default=0, ge=0)
    multiple: Count
    """Both sides of LR must be multiples of this."""
    least: Count
    """The smallest side of LR at which the graph was compared with torch."""
    halo: int | None = Field(default=None, ge=0)
    context: int | None = Field(default=None, ge=0)
    tile_grid: Count = 1
    side: int | None = Field(default=None, ge=1)
    """LR has this many pixels a side and no other size."""
    value_range: tuple[float, float]
    """Of all inputs and of the result."""
    model_sha256: str
    """Of the weights: `REFSR_MODEL_SHA256` of rasters that the model file restores."""
    differences: dict[str, float]
    """The greatest difference from torch by the size of LR, seen at export."""
    card: dict[str, str]
    """The header of the model file."""
    digest: str = ""
    """SHA-256 of the file without its metadata, and of the rest of this entry."""

    @model_validator(mode="after")
    def _known(self) -> OnnxMetadata:
        if self.inputs[0] != "lr" or self.inputs != [name for name in INPUTS if name in self.inputs]:
            raise ValueError(f"inputs are {self.inputs}, expected members of a sample in their order, lr first")
        return self

    @property
    def descriptor(self) -> Descriptor:
        """The network's contract; nothing but float32 is computed."""
        import torch

        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=tuple(self.inputs),
            multiple=self.multiple,
            halo=self.halo,
            context=self.context,
            tile_grid=self.tile_grid,
            safe_dtypes=(torch.float32,),
            side=self.side,
            hsi_bands=self.hsi_bands,
            optional=("base",) if self.base else (),
        )


def metadata_of(model: ModelProto, path: object) -> OnnxMetadata:
    """The checked entry of a file; a DataError where it has none, or is not as it was written."""
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if KEY not in entries:
        raise DataError(
            f"{path}: is an ONNX file without metadata of refsr, so its inputs are unknown; refsr export --onnx MODEL "
            "writes one that has them"
        )
    content = parse_json(entries[KEY], f"{path}: metadata {KEY}")
    if not isinstance(content, dict):
        raise DataError(f"{path}: metadata {KEY} is no mapping")
    try:
        found = OnnxMetadata.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "its inputs"
        raise DataError(f"{path}: its metadata is wrong at {key}: {first['msg']}") from error
    if found.digest != digest_of(model, found):
        raise DataError(f"{path}: is damaged, or was changed since refsr wrote it: export it again")
    return found


def digest_of(model: ModelProto, metadata: OnnxMetadata) -> str:
    """SHA-256 of all of a file but its metadata, and of what `metadata` says beside the digest."""
    bare = type(model)()
    bare.CopyFrom(model)
    del bare.metadata_props[:]
    running = hashlib.sha256(metadata.model_copy(update={"digest": ""}).model_dump_json().encode())
    running.update(bare.SerializeToString(deterministic=True))
    return running.hexdigest()
