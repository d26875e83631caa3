"""ONNX files that `refsr export` wrote: read as foreign files are, checked, and computed by onnxruntime."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refsr.core.errors import DataError, RefsrError
from refsr.core.foreign_files import read_bytes
from refsr.core.memory import is_out_of_memory
from refsr.core.registry import ONNX_SUFFIX
from refsr.runs.model_file import ModelCard, read_card
from refsr.runs.onnx_metadata import OnnxMetadata, metadata_of
from refsr.runs.onnx_network import RESULT, OnnxNetwork

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

MOST_BYTES = (1 << 31) - 1
"""Of a file with all its weights: the format itself takes no more."""


def read_onnx(path: str | Path) -> tuple[OnnxNetwork, ModelCard]:
    """The network of an ONNX file, computed on the CPU, and the card of the model file that it was made of."""
    model, metadata = _checked(path)
    card = read_card(metadata.card, path)
    return OnnxNetwork(*_sessions(model, metadata, path), metadata), card


def onnx_metadata(path: str | Path) -> OnnxMetadata:
    """What an ONNX file says of its network."""
    return _checked(path)[1]


def _checked(path: str | Path) -> tuple[ModelProto, OnnxMetadata]:
    require_packages("onnx", "onnxruntime")
    import onnx
    from google.protobuf.message import DecodeError

    content = read_bytes(Path(path), MOST_BYTES, f"*{ONNX_SUFFIX}")
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no ONNX file, or a damaged one") from error
    if not model.graph.node:
        raise DataError(f"{path}: is no ONNX file, or a damaged one: its graph is empty")
    if any(tensor.data_location == tensor.EXTERNAL for tensor in _tensors(model.graph)):
        raise DataError(f"{path}: its weights lie in other files, which are never read; refsr writes a file with all")
    return model, metadata_of(model, path)


def require_packages(*names: str) -> None:
    """A RefsrError that names the first of the packages that is not installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise RefsrError(f"ONNX files need the package {missing[0]}, which is missing: pip install 'refsr[export]'")


def _sessions(model: ModelProto, metadata: OnnxMetadata, path: object) -> tuple[Any, Any]:
    """Sessions of the graph, and of its part before `base`, if it has one; then the first begins there."""
    import onnx.utils

    if not metadata.base:
        return session(model.SerializeToString(), path), None
    try:
        parts = onnx.utils.Extractor(model)
        whole = parts.extract_model([*metadata.inputs, "base"], [RESULT])
        single = parts.extract_model(["lr"], ["base"])
    except (ValueError, KeyError, AssertionError) as error:
        raise DataError(f"{path}: its graph has no tensor base, which its metadata names") from error
    return session(whole.SerializeToString(), path), session(single.SerializeToString(), path)


def session(content: bytes, path: object) -> Any:
    """An onnxruntime session on the CPU with as many threads as torch has; a DataError where it takes no such graph."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # Errors are raised; what it warns of is of no use to a user.
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if is_out_of_memory(error):
            raise
        first = str(error).partition("\n")[0]
        raise DataError(f"{path}: onnxruntime {onnxruntime.__version__} cannot take its graph: {first}") from error


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """All constants of a graph and of those inside it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)
