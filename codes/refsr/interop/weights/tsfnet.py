"""Published TSFNet weights: their keys beside ours, and the options read off their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from refsr.core.errors import DataError, UsageError
from refsr.interop.weights.conversion import Conversion, convert
from refsr.networks.tsfnet.network import TSFNet
from refsr.networks.tsfnet.phase_filter import Spectra

STAGES = {"first": "", "second": "2"}
"""Our stages, and what published names of each end in."""
NODES = ("down1", "down2", "down3", "neck", "up1", "up2", "up3")
FUSIONS = 8

_PLACES = ("0.weight", "0.bias", "2.weight", "2.bias")


def tsfnet_options(
    published: Mapping[str, Tensor], scale: int | None = None, spectra: Spectra = "released"
) -> dict[str, Any]:
    """The constructor's keywords that fit these tensors, which are the same at every scale."""
    head, temperature = "head.0.layers.weight", "conv_fuse.0.spa_att.temperature"
    for key, sides in {head: 4, temperature: 3}.items():
        if key not in published or published[key].dim() != sides:
            raise DataError(f"no TSFNet weights: {key!r} is missing or has not {sides} dimensions")
    if scale is None:
        raise UsageError("TSFNet's weights are alike at every scale; say which they were trained for: --scale 8")
    found = (re.match(r"down1_spa\.0\.body\.(\d+)\.layers\.0\.", key) for key in published)
    return {
        "scale": scale,
        "channels": published[head].shape[1],
        "nf": published[head].shape[0],
        "n_pairs": max((int(one[1]) + 1 for one in found if one), default=0),
        "heads": published[temperature].shape[0],
        "spectra": spectra,
    }


def import_tsfnet(
    published: Mapping[str, Tensor], scale: int | None = None, spectra: Spectra = "released"
) -> tuple[TSFNet, Conversion]:
    """The network that the tensors are for, with whatever fits loaded into it, and what became of each key."""
    options = tsfnet_options(published, scale, spectra)
    network = TSFNet(**options)
    done = convert(published, network, tsfnet_keys(options["n_pairs"]), ())
    network.load_state_dict(done.weights, strict=False)
    return network, done


def tsfnet_keys(pairs: int) -> dict[str, str]:
    """Our keys beside the published ones, all of which are used."""
    return {f"{ours}.{mine}": theirs for ours, ending in STAGES.items() for mine, theirs in _stage_keys(pairs, ending)}


def _stage_keys(pairs: int, ending: str) -> Iterator[tuple[str, str]]:
    """A stage's keys; of the second one's fusions, the first half looks at the first stage."""
    for ours, theirs in {"enter": "head", "leave": "tail"}.items():
        yield f"{ours}.0.weight", f"{theirs}{ending}.0.layers.weight"
        yield f"{ours}.1.weight", f"{theirs}{ending}.0.act.weight"
    for at in range(3):
        yield from _below(f"halvings.{at}", f"down{at + 1}{ending}", halving_keys())
        yield from _below(f"doublings.{at}", f"up{at + 1}{ending}", doubling_keys())
    branches = ((f"spa{ending}.0", f"fre{ending}"), (f"spamo{ending}.0", f"fre_mo{ending}.0"))
    for at, node in enumerate(NODES):
        for number, (spatial, frequency) in enumerate(branches):
            yield from _below(f"nodes.{at}.spatial.{number}", f"{node}_{spatial}", spatial_keys(pairs))
            yield from _below(f"nodes.{at}.frequency.{number}", f"{node}_{frequency}", frequency_keys())
    for at in range(FUSIONS):
        way, place = ("descent", at) if at < FUSIONS // 2 else ("ascent", at - FUSIONS // 2)
        keys = fusion_keys() | (crossing_keys() if ending and way == "descent" else {})
        yield from _below(f"{way}.{place}", f"conv_fuse{ending}.{at}", keys)


def halving_keys() -> dict[str, str]:
    """Halving layers."""
    return {"spread.weight": "layers.0.layers.weight", "gather.weight": "layers.2.layers.weight"}


def doubling_keys() -> dict[str, str]:
    """Doubling layers, whose keys are the published ones."""
    return {key: key for key in ("0.weight", "0.bias", "2.weight")}


def spatial_keys(pairs: int) -> dict[str, str]:
    """Spatial blocks."""
    keys = {
        f"pairs.{at}.{name}.weight": f"body.{at}.layers.{number}.layers.weight"
        for at in range(pairs)
        for number, name in enumerate(("first", "second"))
    }
    closing = {"closing.weight": f"body.{pairs}.layers.weight", "slope.weight": f"body.{pairs}.act.weight"}
    return keys | closing | {"scale": "re_scale.scale"}


def frequency_keys(filters: int = 1) -> dict[str, str]:
    """AGPF with its filters in a row."""
    keys = dict(pair for at in range(filters) for pair in _below(f"filters.{at}", f"body.{at}", filter_keys()))
    closing = {f"closing.{leaf}": f"body.{filters}.{leaf}" for leaf in ("weight", "bias")}
    return keys | closing | {"scale": "re_scale.scale"}


def filter_keys() -> dict[str, str]:
    """A phase filter."""
    modules = {"amplitude": "dw_amp_conv", "phase": "dw_pha_conv"}
    modules |= {"amplitude_gate.weigh": "df1", "phase_gate.weigh": "df2"}
    return {f"{ours}.{place}": f"{theirs}.{place}" for ours, theirs in modules.items() for place in _PLACES}


def fusion_keys() -> dict[str, str]:
    """A fusion without the part that looks at the first stage."""
    leaves = ("weight", "bias")
    return {
        **{f"enter.{leaf}": f"spa.{leaf}" for leaf in leaves},
        "attention.temperature": "spa_att.temperature",
        "attention.qkv.weight": "spa_att.qkv.weight",
        "attention.around.weight": "spa_att.qkv_dwconv.weight",
        "attention.leave.weight": "spa_att.project_out.weight",
        **{f"attention.norm.{leaf}": f"spa_att.norm.{leaf}" for leaf in leaves},
    }


def crossing_keys() -> dict[str, str]:
    """The part of a cross-stage fusion that looks at the first stage; `fre` is the second stage's own layer."""
    modules = {"own": "fre", "guide": "spa", "weigh": "conv_squeeze", "leave": "conv.0"}
    return {
        f"crossing.{ours}.{leaf}": f"cross_lsk.{theirs}.{leaf}"
        for ours, theirs in modules.items()
        for leaf in ("weight", "bias")
    }


def _below(ours: str, theirs: str, keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for mine, published in keys.items():
        yield f"{ours}.{mine}", f"{theirs}.{published}"
