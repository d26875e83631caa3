"""A model file as an ONNX file: exported, compared with torch, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError, UsageError
from refsr.core.progress import ProgressFactory, no_progress
from refsr.core.version import __version__
from refsr.interop.onnx.comparison import differences
from refsr.interop.onnx.deepness import deepness_entries
from refsr.interop.onnx.graph import LEAST, graph_of, has_base, require_exportable, rounded_up
from refsr.networks.descriptor import descriptor_of
from refsr.runs.model_file import ModelCard, card_header, weights_digest
from refsr.runs.onnx_file import MOST_BYTES, require_packages, session
from refsr.runs.onnx_metadata import FORMAT, KEY, OnnxMetadata, digest_of

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Exported:
    """What was written."""

    metadata: OnnxMetadata
    bytes: int
    deepness: bool
    """Whether the QGIS plugin of that name can load it."""


def write_onnx(
    target: Path, network: nn.Module, card: ModelCard, tile: int | None = None, progress: ProgressFactory = no_progress
) -> Exported:
    """A network and its card as an ONNX file; with `tile` its LR has that many pixels a side and no other size."""
    require_exportable(network, card.spec.network)
    require_packages("onnx", "onnxruntime", "onnxscript")
    network = network.eval().requires_grad_(False)
    side = _side(network, card.spec.network, tile)
    with progress("exporting", 1) as bar:
        model = graph_of(network, side)
        bar.advance()
    content = model.SerializeToString()
    if len(content) > MOST_BYTES:
        raise DataError(f"{card.spec.network} has {len(content):,} bytes as ONNX, which takes at most {MOST_BYTES:,}")
    compared = differences(network, session(content, target), side, progress)
    entries = deepness_entries(descriptor_of(network), side)
    metadata = _described(model, network, card, side, compared)
    for key, value in {KEY: metadata.model_dump_json(), **entries}.items():
        model.metadata_props.add(key=key, value=value)
    content = model.SerializeToString()
    write_bytes(target, content)
    return Exported(metadata, len(content), bool(entries))


def _described(
    model: ModelProto, network: nn.Module, card: ModelCard, side: int | None, compared: dict[str, float]
) -> OnnxMetadata:
    descriptor = descriptor_of(network)
    metadata = OnnxMetadata(
        format=FORMAT,
        refsr=__version__,
        network=card.spec.network,
        inputs=list(descriptor.inputs),
        base=has_base(network),
        scale=descriptor.scale,
        channels=descriptor.channels,
        hsi_bands=descriptor.hsi_bands,
        multiple=descriptor.multiple,
        least=side or rounded_up(LEAST, descriptor.multiple),
        halo=descriptor.halo,
        context=descriptor.context,
        tile_grid=descriptor.tile_grid,
        side=side,
        value_range=(0, 1),
        model_sha256=weights_digest(network),
        differences={size: round(apart, 9) for size, apart in compared.items()},
        card=card_header(card),
    )
    return metadata.model_copy(update={"digest": digest_of(model, metadata)})


def _side(network: nn.Module, name: str, tile: int | None) -> int | None:
    """The one size of LR, of the network's own or as asked for."""
    descriptor = descriptor_of(network)
    if tile is None or tile == descriptor.side:
        return descriptor.side
    if descriptor.side is not None:
        raise UsageError(f"--tile {tile}: {name} takes LR of {descriptor.side} pixels a side and no other size")
    least = rounded_up(LEAST, descriptor.multiple)
    if tile < least or tile % descriptor.multiple:
        kind = f"a multiple of {descriptor.multiple}" if descriptor.multiple > 1 else "a number"
        near = max(least, rounded_up(tile, descriptor.multiple))
        raise UsageError(f"--tile {tile}: expected {kind} from {least} on, such as {near}")
    return tile
