"""Published TSFNet weights: key map, and options from the shapes of tensors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.interop.weights.conversion import Conversion, convert, require_kernels
from refsr.interop.weights.publishing import Form
from refsr.networks.tsfnet.network import TSFNet
from refsr.networks.tsfnet.phase_filter import FFTNorm

STAGES = {"first": "", "second": "2"}
"""Our stages, and what published names of each end in."""
NODES = ("down1", "down2", "down3", "neck", "up1", "up2", "up3")
FUSIONS = 8

IMAGE_KEYS = {"0.weight": "layers.weight", "1.weight": "act.weight"}
"""Where images enter and leave."""

_PLACES = ("0.weight", "0.bias", "2.weight", "2.bias")


def tsfnet_options(
    published: Mapping[str, Tensor], scale: int | None = None, fft_norm: FFTNorm = "released"
) -> dict[str, Any]:
    """The network's keywords that fit these tensors, which are the same at every scale."""
    head, temperature = "head.0.layers.weight", "conv_fuse.0.spa_att.temperature"
    require_kernels("TSFNet", published, {head: 4, temperature: 3})
    if scale is None:
        raise UsageError("TSFNet's weights are alike at every scale; say which they were trained for: --scale 8")
    found = (re.match(r"down1_spa\.0\.body\.(\d+)\.layers\.0\.", key) for key in published)
    return {
        "scale": scale,
        "channels": published[head].shape[1],
        "nf": published[head].shape[0],
        "n_blocks": max((int(one[1]) + 1 for one in found if one), default=0),
        "heads": published[temperature].shape[0],
        "fft_norm": fft_norm,
    }


def import_tsfnet(
    published: Mapping[str, Tensor], scale: int | None = None, fft_norm: FFTNorm = "released"
) -> tuple[TSFNet, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = tsfnet_options(published, scale, fft_norm)
    network = TSFNet(**options)
    done = convert(published, network, tsfnet_keys(options["n_blocks"]), ())
    network.load_state_dict(done.weights, strict=False)
    return network, done


def tsfnet_form(options: Mapping[str, Any]) -> Form:
    """How the published code stores a network, which is the same at every scale."""
    keys = tsfnet_keys(options["n_blocks"])
    with torch.device("meta"):
        shapes = {key: tuple(one.shape) for key, one in TSFNet(**options).state_dict().items()}
    layout = {theirs: shapes[ours] for ours, theirs in keys.items()}
    return Form(layout, keys, note="the published network makes images of 256 x 256, and no others")


def tsfnet_keys(pairs: int) -> dict[str, str]:
    """Our keys and the published ones in the published order; every one is used."""
    return {f"{ours}.{mine}": theirs for ours, end in STAGES.items() for mine, theirs in _stage_keys(pairs, end)}


def _stage_keys(pairs: int, end: str) -> Iterator[tuple[str, str]]:
    """A stage's keys; the first half of the second stage's fusions takes features of the first stage."""
    yield from _below("head", f"head{end}.0", IMAGE_KEYS)
    for at, node in enumerate(NODES):
        if node.startswith("down"):
            yield from _below(f"downsamples.{int(node[-1]) - 1}", f"{node}{end}", downsample_keys())
        elif node.startswith("up"):
            yield from _below(f"upsamples.{int(node[-1]) - 1}", f"{node}{end}", upsample_keys())
        spatial = [
            *_below(f"blocks.{at}.spatial.0", f"{node}_spa{end}.0", spatial_keys(pairs)),
            *_below(f"blocks.{at}.spatial.1", f"{node}_spamo{end}.0", spatial_keys(pairs)),
        ]
        frequency = [
            *_below(f"blocks.{at}.frequency.0", f"{node}_fre{end}", frequency_keys()),
            *_below(f"blocks.{at}.frequency.1", f"{node}_fre_mo{end}.0", frequency_keys()),
        ]
        yield from frequency + spatial if node.startswith("down") else spatial + frequency
    yield from _below("tail", f"tail{end}.0", IMAGE_KEYS)
    for at in range(FUSIONS):
        way, place = ("encoder_fusions", at) if at < FUSIONS // 2 else ("decoder_fusions", at - FUSIONS // 2)
        keys = fusion_keys() | (gate_keys() if end and way == "encoder_fusions" else {})
        yield from _below(f"{way}.{place}", f"conv_fuse{end}.{at}", keys)


def downsample_keys() -> dict[str, str]:
    """Halving layers."""
    return {"conv.weight": "layers.0.layers.weight", "reduce.weight": "layers.2.layers.weight"}


def upsample_keys() -> dict[str, str]:
    """Doubling layers, whose keys are the published ones."""
    return {key: key for key in ("0.weight", "0.bias", "2.weight")}


def spatial_keys(pairs: int) -> dict[str, str]:
    """Spatial blocks."""
    keys = {
        f"blocks.{at}.{name}.weight": f"body.{at}.layers.{number}.layers.weight"
        for at in range(pairs)
        for number, name in enumerate(("first", "second"))
    }
    closing = {"conv.weight": f"body.{pairs}.layers.weight", "act.weight": f"body.{pairs}.act.weight"}
    return keys | closing | {"scale": "re_scale.scale"}


def frequency_keys(filters: int = 1) -> dict[str, str]:
    """AGPF with its filters in a row."""
    keys = dict(pair for at in range(filters) for pair in _below(f"filters.{at}", f"body.{at}", filter_keys()))
    closing = {f"conv.{leaf}": f"body.{filters}.{leaf}" for leaf in ("weight", "bias")}
    return keys | closing | {"scale": "re_scale.scale"}


def filter_keys() -> dict[str, str]:
    """A phase filter."""
    modules = {"amplitude": "dw_amp_conv", "amplitude_gate.conv": "df1"}
    modules |= {"phase_gate.conv": "df2", "phase": "dw_pha_conv"}
    return {f"{ours}.{place}": f"{theirs}.{place}" for ours, theirs in modules.items() for place in _PLACES}


def fusion_keys() -> dict[str, str]:
    """A fusion without the gate of the first stage's feature."""
    leaves = ("weight", "bias")
    return {
        **{f"conv.{leaf}": f"spa.{leaf}" for leaf in leaves},
        "attention.temperature": "spa_att.temperature",
        "attention.qkv.weight": "spa_att.qkv.weight",
        "attention.qkv_depthwise.weight": "spa_att.qkv_dwconv.weight",
        "attention.project_out.weight": "spa_att.project_out.weight",
        **{f"attention.norm.{leaf}": f"spa_att.norm.{leaf}" for leaf in leaves},
    }


def gate_keys() -> dict[str, str]:
    """The part of a cross-stage fusion that takes the first stage's feature; `fre` is the second stage's own layer."""
    modules = {"own": "fre", "guide": "spa", "conv_gates": "conv_squeeze", "conv_last": "conv.0"}
    return {
        f"gate.{ours}.{leaf}": f"cross_lsk.{theirs}.{leaf}"
        for ours, theirs in modules.items()
        for leaf in ("weight", "bias")
    }


def _below(ours: str, theirs: str, keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for mine, published in keys.items():
        yield f"{ours}.{mine}", f"{theirs}.{published}"
