"""A network as an ONNX graph, by torch's exporter: any height and width, or tiles of one size."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from refsr.core.errors import RefsrError, UsageError
from refsr.core.memory import is_out_of_memory
from refsr.interop.onnx.scene import example
from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.networks.tsfnet.phase_filter import PhaseFilter
from refsr.networks.tsfnet.split import SpectralSplit
from refsr.ops import deformable_v2, deformable_v3
from refsr.runs.onnx_network import RESULT
from refsr.tasks.restore import HasSingleImage

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST = 16
"""Pixels of LR a side from which on a graph is compared with torch, and taken."""
MOST = 1 << 16
"""Pixels of LR a side that a graph is made for; only torch wants to have it said."""
TRACED = (40, 72)
"""LR whose pass is recorded: unlike sides, none of them special to a network."""


def graph_of(network: nn.Module, side: int | None) -> ModelProto:
    """The graph with inputs and outputs by name; a RefsrError in one line for a network that none can be made of.

    `side` is that of LR, if it has one size.
    """
    descriptor = descriptor_of(network)
    height, width = (rounded_up(length, descriptor.multiple) for length in TRACED) if side is None else (side, side)
    inputs = tuple(example(descriptor, height, width).values())
    # One entry for all inputs, which the wrapper takes as a tuple.
    shapes = None if side else (tuple(_free_sides(name, descriptor) for name in descriptor.inputs),)
    outputs = [RESULT, "base"] if has_base(network) else [RESULT]
    try:
        with torch.no_grad(), _plain_operators(), _quiet():
            program = torch.onnx.export(
                _Outputs(network),
                inputs,
                dynamo=True,
                verbose=False,
                dynamic_shapes=shapes,
                input_names=list(descriptor.inputs),
                output_names=outputs,
            )
        assert program is not None
        model: ModelProto = program.model_proto
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # The exporter wraps what went wrong, which is the innermost cause.
        while error.__cause__ is not None:
            error = error.__cause__  # type: ignore[assignment]
        reason = str(error).strip().partition("\n")[0]
        raise RefsrError(f"{type(network).__name__} cannot be exported to ONNX: {reason}") from error
    _name_sides(model, descriptor, side)
    return model


def require_exportable(network: nn.Module, name: str) -> None:
    """A UsageError that says in one line why a network has no ONNX file."""
    descriptor: Descriptor | None = getattr(network, "descriptor", None)
    if descriptor is None:
        reason = "it judges images and restores none"
    elif descriptor.latent_size:
        reason = "it makes images of noise and takes no LR"
    elif descriptor.stochastic:
        reason = "it restores by sampling, many passes with steps between them, and one graph holds one pass"
    elif any(isinstance(part, (PhaseFilter, SpectralSplit)) for part in network.modules()):
        reason = "its spectra are complex numbers, which torch's exporter translates in part only"
    else:
        return
    raise UsageError(f"{name} is not exported to ONNX: {reason}")


def has_base(network: nn.Module) -> bool:
    """Whether a network also gives the image without a reference."""
    return isinstance(network, HasSingleImage) and "base" in descriptor_of(network).optional


def rounded_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


class _Outputs(nn.Module):
    """The outputs of a network's graph: the image, and of one around a single-image network also that one's."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        network = self.network
        if not has_base(network):
            image: Tensor = network(*inputs)
            return image
        assert isinstance(network, HasSingleImage)
        base = network.single_image(inputs[0])
        return network(*inputs, base=base), base


def _free_sides(name: str, descriptor: Descriptor) -> dict[int, Any]:
    """Height and width of an input as multiples of what LR's sides are multiples of."""
    times = descriptor.multiple * (1 if name in ("lr", "hsi") else descriptor.scale)
    least, most = -(-LEAST // descriptor.multiple), MOST // descriptor.multiple
    sides = {}
    for axis, side in ((2, "height"), (3, "width")):
        free = torch.export.Dim(side, min=least, max=most)
        sides[axis] = times * free if times > 1 else free
    return sides


def _name_sides(model: ModelProto, descriptor: Descriptor, side: int | None) -> None:
    """Calls free sides height and width in LR pixels, whatever the exporter called them."""
    if side is not None:
        return
    for value in (*model.graph.input, *model.graph.output):
        times = 1 if value.name in ("lr", "hsi") else descriptor.scale
        for axis, name in ((2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name if times == 1 else f"{times}*{name}"
    # Shapes inside the graph have the exporter's names; every runtime infers them anew.
    del model.graph.value_info[:]


@contextlib.contextmanager
def _plain_operators() -> Iterator[None]:
    """Deformable convolutions by their references, which consist of operators that ONNX has."""
    with deformable_v2.using("reference"), deformable_v3.using("reference"):
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter writes of its own parts."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
