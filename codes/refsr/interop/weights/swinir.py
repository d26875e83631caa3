"""Published SwinIR weights: key map, and options from the shapes of tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refsr.core.errors import DataError
from refsr.interop.weights.basicsr import enlarging_steps
from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.rrsnet import under, with_parameters
from refsr.interop.weights.transformers import group_lengths, tail_kernel, tail_keys, tail_options
from refsr.networks.swinir import SwinIR

UNUSED = (
    UnusedKeys(r".*\.relative_position_index", "indices of the bias tables, which follow from the window size"),
    UnusedKeys(r".*\.attn_mask", "masks of shifted windows for the training crops, computed here for any size"),
)

OTHERS = {
    "conv_up1.weight": "enlarges by nearest neighbour, as those for real photographs do",
    "layers.0.conv.0.weight": "has three convolutions behind each group, as the large one for real photographs does",
    "absolute_pos_embed": "has embeddings of absolute positions",
}
"""Keys of SwinIR's that are not built here."""

LAYER = {
    "norm1": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.proj": "attn.proj",
    "norm2": "norm2",
    "fc1": "mlp.fc1",
    "fc2": "mlp.fc2",
}
"""Modules of a layer."""


def swinir_options(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The network's keywords that fit these tensors."""
    for key, what in OTHERS.items():
        if key in published:
            raise DataError(f"this SwinIR {what} ({key!r}); here are the light and the classical one")
    first, block = "conv_first.weight", "layers.0.residual_group.blocks.0"
    table, hidden = f"{block}.attn.relative_position_bias_table", f"{block}.mlp.fc1.weight"
    require_kernels("SwinIR", published, {first: 4, table: 2, hidden: 2, tail_kernel(published): 4})
    dim, channels = published[first].shape[:2]
    groups, layers = group_lengths("SwinIR", published, "residual_group.blocks", "layers")
    scale, upsampler = tail_options("SwinIR", published, channels)
    return {
        "scale": scale,
        "channels": channels,
        "dim": dim,
        "groups": groups,
        "layers": layers,
        "heads": published[table].shape[1],
        "window": (math.isqrt(published[table].shape[0]) + 1) // 2,
        "mlp_ratio": published[hidden].shape[0] / max(1, dim),
        "upsampler": upsampler,
    }


def import_swinir(published: Mapping[str, Tensor]) -> tuple[SwinIR, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = swinir_options(published)
    network = SwinIR(**options)
    steps = len(enlarging_steps(published)) if options["upsampler"] == "pixelshuffle" else None
    done = convert(published, network, swinir_keys(options["groups"], options["layers"], steps), UNUSED)
    network.load_state_dict(done.weights, strict=False)
    return network, done


def swinir_keys(groups: int, layers: int, steps: int | None) -> dict[str, str]:
    """Our keys and the published ones; without `steps` one shuffle enlarges."""
    modules = {"head": "conv_first", "patch_norm": "patch_embed.norm"}
    tables: dict[str, str] = {}
    for group in range(groups):
        ours, theirs = f"groups.{group}", f"layers.{group}"
        for layer in range(layers):
            block = f"{ours}.layers.{layer}", f"{theirs}.residual_group.blocks.{layer}"
            modules |= under(*block, LAYER)
            tables |= under(*block, {"attention.relative_position_bias": "attn.relative_position_bias_table"})
        modules[f"{ours}.conv"] = f"{theirs}.conv"
    modules |= {"norm": "norm", "conv_after_body": "conv_after_body"}
    modules |= tail_keys(steps)
    return {**with_parameters(modules), **tables}
