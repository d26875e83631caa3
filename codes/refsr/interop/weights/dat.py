"""Published DAT weights: key map, and options from the shapes and tables of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refsr.interop.weights.basicsr import enlarging_steps
from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.rrsnet import under, with_parameters
from refsr.interop.weights.transformers import group_lengths, tail_kernel, tail_keys, tail_options
from refsr.networks.dat.attention import position_features
from refsr.networks.dat.network import DAT

UNUSED = (
    UnusedKeys(r".*\.relative_position_index", "indices of position biases, which follow from the windows"),
    UnusedKeys(r".*\.rpe_biases", "offsets of pixels, which follow from the windows"),
    UnusedKeys(r".*\.attn_mask_[01]", "masks of shifted windows for one size of image; no mask is needed here"),
    UnusedKeys(r".*\.pos\.pos3\.2\.bias", "the same bias for all pairs of pixels, which no softmax depends on"),
    UnusedKeys(
        r".*\.(dwconv\.0|channel_interaction\.1|spatial_interaction\.0)\.bias",
        "biases before a batch norm, subtracted from its running mean",
    ),
)
CONSTANT_BIAS = UnusedKeys(
    r".*\.attns\.[01]\.pos\..*", "position biases from one feature, which its layer norm makes constant"
)

NORMALIZED = {"dwconv.0": "dwconv.1", "channel_interaction.1": "channel_interaction.2"} | {
    "spatial_interaction.0": "spatial_interaction.1"
}
"""Convolutions of an attention, and the batch norms behind them."""

BLOCK = {
    "norm1": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.proj": "attn.proj",
    "attention.interaction.channel_interaction.2": "attn.channel_interaction.4",
    "attention.interaction.spatial_interaction.2": "attn.spatial_interaction.3",
    "norm2": "norm2",
    "feed_forward.fc1": "ffn.fc1",
    "feed_forward.gate_norm": "ffn.sg.norm",
    "feed_forward.gate_conv": "ffn.sg.conv",
    "feed_forward.fc2": "ffn.fc2",
}
"""Modules of a block, either kind."""

INTERACTION = {
    "conv": "dwconv.0",
    "channel_interaction.0": "channel_interaction.1",
    "spatial_interaction.0": "spatial_interaction.0",
}
"""Normalized convolutions of the adaptive interaction module."""

POSITION = {
    "first": "pos_proj",
    "norms.0": "pos1.0",
    "layers.0": "pos1.2",
    "norms.1": "pos2.0",
    "layers.1": "pos2.2",
    "norms.2": "pos3.0",
}
"""Modules of a position bias but the last, which has no bias here."""


def dat_options(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The network's keywords that fit these tensors."""
    first, block = "conv_first.weight", "layers.0.blocks.0"
    offsets, hidden = f"{block}.attn.attns.0.rpe_biases", f"{block}.ffn.fc1.weight"
    heads = f"{block}.attn.attns.0.pos.pos3.2.weight"
    require_kernels("DAT", published, {first: 4, offsets: 2, hidden: 2, heads: 2, tail_kernel(published): 4})
    dim, channels = published[first].shape[:2]
    groups, blocks = group_lengths("DAT", published, "blocks", "blocks")
    scale, upsampler = tail_options("DAT", published, channels)
    return {
        "scale": scale,
        "channels": channels,
        "dim": dim,
        "groups": groups,
        "blocks": blocks,
        "heads": 2 * published[heads].shape[0],
        "split_size": [1 + int(most) for most in published[offsets].amax(0)],
        "expansion_factor": published[hidden].shape[0] / max(1, dim),
        "resi_connection": "3conv" if "conv_after_body.0.weight" in published else "1conv",
        "upsampler": upsampler,
    }


def import_dat(published: Mapping[str, Tensor]) -> tuple[DAT, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = dat_options(published)
    network = DAT(**options)
    unused = UNUSED if _has_positions(options["dim"]) else (CONSTANT_BIAS, *UNUSED)
    steps = len(enlarging_steps(published)) if options["upsampler"] == "pixelshuffle" else None
    done = convert(_without_biases(published), network, dat_keys(options, steps), unused)
    network.load_state_dict(done.weights, strict=False)
    return network, done


def _has_positions(dim: int) -> bool:
    return position_features(dim) > 1


def _without_biases(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Biases before batch norms, subtracted from the running means; what does not fit is left for the conversion."""
    folded = dict(published)
    for key, bias in published.items():
        for conv, norm in NORMALIZED.items():
            if key.endswith(f".attn.{conv}.bias"):
                mean = key.removesuffix(f"{conv}.bias") + f"{norm}.running_mean"
                if mean in published and published[mean].shape == bias.shape:
                    folded[mean] = published[mean] - bias
    return folded


def dat_keys(options: Mapping[str, Any], steps: int | None) -> dict[str, str]:
    """Our keys and the published ones; without `steps` one shuffle enlarges."""
    modules = {"head": "conv_first", "norm_before_groups": "before_RG.1"}
    single: dict[str, str] = {}
    for group in range(options["groups"]):
        ours, theirs = f"groups.{group}", f"layers.{group}"
        for number in range(options["blocks"]):
            block = f"{ours}.blocks.{number}", f"{theirs}.blocks.{number}"
            modules |= under(*block, BLOCK)
            attention = f"{block[0]}.attention", f"{block[1]}.attn"
            single |= _interaction_keys(*attention)
            if number % 2:
                single[f"{attention[0]}.temperature"] = f"{attention[1]}.temperature"
            elif _has_positions(options["dim"]):
                for half in range(2):
                    bias = f"{attention[0]}.biases.{half}", f"{attention[1]}.attns.{half}.pos"
                    modules |= under(*bias, POSITION)
                    single[f"{bias[0]}.layers.2.weight"] = f"{bias[1]}.pos3.2.weight"
        modules |= _group_conv_keys(f"{ours}.conv", f"{theirs}.conv", options["resi_connection"])
    modules |= {"norm": "norm"}
    modules |= _group_conv_keys("conv_after_body", "conv_after_body", options["resi_connection"])
    modules |= tail_keys(steps)
    return {**with_parameters(modules), **single}


def _interaction_keys(ours: str, theirs: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for here, conv in INTERACTION.items():
        keys[f"{ours}.interaction.{here}.conv.weight"] = f"{theirs}.{conv}.weight"
        for leaf in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            keys[f"{ours}.interaction.{here}.norm.{leaf}"] = f"{theirs}.{NORMALIZED[conv]}.{leaf}"
    return keys


def _group_conv_keys(ours: str, theirs: str, resi_connection: str) -> dict[str, str]:
    steps = ("",) if resi_connection == "1conv" else (".0", ".2", ".4")
    return {f"{ours}{step}": f"{theirs}{step}" for step in steps}
