"""Answers the parity cases of RRSNet, of the blocks that RGTNet shares with it, and of their L1 stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.run import Answers
from refsr.interop.weights.conversion import Dead, convert
from refsr.interop.weights.rrsnet import (
    DCNV2_LEAVES,
    DEAD,
    LEVELS,
    content_keys,
    deformable_keys,
    encoder_keys,
    fusion_keys,
    import_rrsnet,
    offset_keys,
    relevance_keys,
    texture_keys,
    with_parameters,
)
from refsr.networks.blocks.alignment import PyramidAlignment
from refsr.networks.blocks.content import ContentExtractor
from refsr.networks.blocks.dcnv2 import DCNv2
from refsr.networks.blocks.encoder import Encoder
from refsr.networks.blocks.relevance import RelevanceAttention
from refsr.networks.blocks.texture import TextureTransfer
from refsr.networks.blocks.transfer import ReferenceTransfer
from refsr.networks.rrsnet import RRSNet

Tensors = Mapping[str, Tensor]
"""A part's published tensors."""


def whole_rrsnet(case: Case) -> Answers:
    """The network's image, and what the optional probes look at."""
    return whole_network(case, rrsnet(case))


def whole_network(case: Case, network: ReferenceTransfer) -> Answers:
    """A network's image, and the probes that all such networks have."""
    given = {name: torch.from_numpy(array) for name, array in case.inputs().items()}
    seen: dict[str, Any] = {}
    network.content.register_forward_hook(lambda module, inputs, output: seen.update(content=output))
    network.alignment.register_forward_hook(lambda module, inputs, output: seen.update(maps=output))
    with torch.no_grad():
        image = network(given["LR"], given["LR_UX4"], given["Ref"], given["Ref_DUX4"])
    full, half, quarter = seen["maps"]
    return {
        "sr": image,
        "probe_content": seen["content"],
        "probe_align_l1": full[:, ::8],
        "probe_align_l2": half[:, ::4],
        "probe_align_l3": quarter,
    }


def rrsnet(case: Case) -> RRSNet:
    """RRSNet with the case's weights."""
    network, conversion = import_rrsnet({key: torch.from_numpy(array) for key, array in case.state().items()})
    conversion.require_complete(case.name)
    require_options(case, network)
    return network


def require_options(case: Case, network: ReferenceTransfer) -> None:
    """A NotCoveredError unless the case's own options are those that its weights show."""
    for key, value in {"nf": network.alignment.cascade_fusion.out_channels, "scale": network.scale}.items():
        if case.config.get(key, value) != value:
            raise NotCoveredError(f"{key} {case.config[key]} with weights of {key} {value}")


def rrsnet_alignment(case: Case) -> Answers:
    """The alignment alone on features of three levels."""
    state = {key: torch.from_numpy(array) for key, array in case.state().items()}
    kernel = state["L1_fea_conv.weight"]
    groups = state["L1_dcnpack.conv_offset_mask.weight"].shape[0] // 27
    channels, out_channels = kernel.shape[0], kernel.shape[1] - kernel.shape[0]
    alignment = PyramidAlignment(
        channels, out_channels, LEVELS, lambda width: DCNv2(width, width, deformable_groups=groups)
    )
    keys = with_parameters(fusion_keys("", "") | offset_keys("", "")) | deformable_keys("", "", DCNV2_LEAVES)
    load_module(alignment, state, keys)
    return aligned_maps(case, alignment)


def aligned_maps(case: Case, alignment: PyramidAlignment) -> Answers:
    """The maps of all levels."""
    inputs = case.inputs()
    features = [
        [torch.from_numpy(inputs[f"{kind}_l{level + 1}"]) for level in range(LEVELS)]
        for kind in ("ref", "ref_dux4", "lr")
    ]
    with torch.no_grad():
        maps = alignment(*features)
    return {f"l{level + 1}": moved for level, moved in enumerate(maps)}


def encoders(case: Case) -> Answers:
    """Every level of each encoder."""

    def answer(name: str, options: Mapping[str, Any], state: Tensors, given: Tensors) -> Answers:
        encoder = Encoder(options["in_ch"], options["nf"], LEVELS)
        load_module(encoder, state, with_parameters(encoder_keys("", "")))
        return {f"{name}_conv{level}": feature for level, feature in enumerate(encoder(given["x"]), 1)}

    return each_module(case, answer)


def content_extractors(case: Case) -> Answers:
    """The content feature."""

    def answer(name: str, options: Mapping[str, Any], state: Tensors, given: Tensors) -> Answers:
        channels, in_channels = state["head.0.weight"].shape[:2]
        extractor = ContentExtractor(in_channels, channels, options["n_blocks"])
        used = {key: tensor for key, tensor in state.items() if not key.startswith("tail.")}
        load_module(extractor, used, with_parameters(content_keys("", "", options["n_blocks"])))
        return {name: extractor(given["x"])}

    return each_module(case, answer)


def relevance(case: Case) -> Answers:
    """RAM under each of the configuration's widths."""

    def answer(name: str, options: Mapping[str, Any], state: Tensors, given: Tensors) -> Answers:
        module = RelevanceAttention(options["nf"], options["n_condition"], state["mul_conv1.weight"].shape[0])
        load_module(module, state, with_parameters(relevance_keys("", "")))
        return {name: module(given["features"], given["conditions"])}

    return each_module(case, answer)


def rrsnet_texture(case: Case) -> Answers:
    """RRSNet's texture transfer: the residual image."""

    def answer(name: str, options: Mapping[str, Any], state: Tensors, given: Tensors) -> Answers:
        blocks, channels = options["n_blocks"], state["head_small.0.weight"].shape[0]
        transfer = TextureTransfer(channels, state["tail_large.2.weight"].shape[0], blocks, LEVELS)
        load_module(transfer, state, with_parameters(texture_keys("", "", blocks)))
        return {name: transferred(transfer, given)}

    return each_module(case, answer)


def transferred(transfer: TextureTransfer, given: Tensors) -> npt.ArrayLike:
    """The residual image of a texture transfer's inputs."""
    residual: Tensor = transfer(given["x"], [given[f"map_l{level + 1}"] for level in range(LEVELS)])
    return residual


def each_module(case: Case, answer: Callable[[str, Mapping[str, Any], Tensors, Tensors], Answers]) -> Answers:
    """Every module of the configuration, with its own part of the weights and inputs."""
    state, inputs = case.state(), case.inputs()
    answers: dict[str, npt.ArrayLike] = {}
    for name, options in case.config["modules"].items():
        with torch.no_grad():
            answers |= answer(name, options, part(state, f"{name}."), part(inputs, f"{name}_"))
    return answers


def part(arrays: Mapping[str, npt.NDArray[np.float32]], prefix: str) -> dict[str, Tensor]:
    """The arrays whose names begin with `prefix`, under the rest of their names."""
    return {key[len(prefix) :]: torch.from_numpy(array) for key, array in arrays.items() if key.startswith(prefix)}


def load_module(
    module: nn.Module,
    published: Tensors,
    keys: Mapping[str, str],
    dead: Sequence[Dead] = DEAD,
    transposed: str | None = None,
) -> None:
    """A module's weights from published ones, all of them accounted for."""
    conversion = convert(published, module, keys, dead, transposed)
    conversion.require_complete(type(module).__name__)
    module.load_state_dict(conversion.weights)
