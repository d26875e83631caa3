"""ONNX files made by hand: enlarged LR and the reference by its weight, with metadata as `refsr export` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.descriptor import Descriptor, NetworkSpec
from refsr.runs.model_file import ModelCard, card_header
from refsr.runs.onnx_metadata import FORMAT, KEY, OnnxMetadata, digest_of

SCALE = 4
CARD = ModelCard(NetworkSpec("GatedTransfer", {"scale": SCALE}), "regression", trust={"consistent": "soft"})


class Blending(nn.Module):
    """What the graph computes."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(1))

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(SCALE, 3, ("lr", "ref", "ref_weight"), halo=1, optional=("base",))

    def single_image(self, lr: Tensor) -> Tensor:
        return F.interpolate(lr, scale_factor=SCALE, mode="nearest")

    def forward(self, lr: Tensor, ref: Tensor, ref_weight: Tensor, *, base: Tensor | None = None) -> Tensor:
        image = self.single_image(lr) if base is None else base
        return image + ref_weight * (ref - image)


def graph() -> Any:
    """(1, 3, h, w), (1, 3, 4*h, 4*w) and (1, 1, 4*h, 4*w) -> the image, and the one without a reference."""
    from onnx import TensorProto, helper, numpy_helper

    def value(name: str, channels: int, times: int) -> Any:
        sides = [side if times == 1 else f"{times}*{side}" for side in ("height", "width")]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, *sides])

    scales = numpy_helper.from_array(torch.tensor([1.0, 1.0, SCALE, SCALE]).numpy(), "scales")
    nodes = [
        helper.make_node(
            "Resize", ["lr", "", "scales"], ["base"], mode="nearest", coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        helper.make_node("Sub", ["ref", "base"], ["apart"]),
        helper.make_node("Mul", ["ref_weight", "apart"], ["brought"]),
        helper.make_node("Add", ["base", "brought"], ["restored"]),
    ]  # fmt: skip
    inputs = [value("lr", 3, 1), value("ref", 3, SCALE), value("ref_weight", 1, SCALE)]
    outputs = [value("restored", 3, SCALE), value("base", 3, SCALE)]
    made = helper.make_graph(nodes, "blending", inputs, outputs, [scales])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def metadata(**says: Any) -> OnnxMetadata:
    """What the file says, unless the keywords say otherwise."""
    known: dict[str, Any] = {
        "format": FORMAT,
        "refsr": "0.1.0",
        "network": "GatedTransfer",
        "inputs": ["lr", "ref", "ref_weight"],
        "base": True,
        "scale": SCALE,
        "channels": 3,
        "multiple": 1,
        "least": 4,
        "halo": 1,
        "value_range": (0, 1),
        "model_sha256": "0" * 64,
        "differences": {"16x19": 1e-7},
        "card": card_header(CARD),
    }
    return OnnxMetadata(**{**known, **says})


def with_metadata(model: Any, says: OnnxMetadata) -> bytes:
    """The file's content, with a right digest."""
    says = says.model_copy(update={"digest": digest_of(model, says)})
    model.metadata_props.add(key=KEY, value=says.model_dump_json())
    content: bytes = model.SerializeToString()
    return content


def write_blending(path: Path, **says: Any) -> Path:
    path.write_bytes(with_metadata(graph(), metadata(**says)))
    return path
