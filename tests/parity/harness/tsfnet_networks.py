"""Answers the parity cases of TSFNet and its parts."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.networks import load_module, part
from harness.run import Answers
from refsr.interop.weights import tsfnet as keys
from refsr.networks.tsfnet.fusion import CrossFusion, Fusion
from refsr.networks.tsfnet.network import TSFNet
from refsr.networks.tsfnet.phase_filter import FrequencyBlock, PhaseFilter
from refsr.networks.tsfnet.spatial import Halving, SpatialBlock, doubling
from refsr.networks.tsfnet.spectrum import centred
from refsr.networks.tsfnet.split import SpectralSplit, band_weights


def tensors(case: Case) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The case's weights and inputs."""
    return part(case.state(), ""), part(case.inputs(), "")


def tsfnet(case: Case) -> TSFNet:
    """The network with the case's weights, in float64.

    A phase is cut at pi, and a bin that lies nearer to the cut than float32 rounds jumps by two pi. Published numbers
    have that rounding once; with ours on top, seeds without a jump would have one.
    """
    state, scale = tensors(case)[0], case.config["scale"]
    network, done = keys.import_tsfnet(state, scale)
    done.require_complete(case.name)
    options = keys.tsfnet_options(state, scale)
    for key, value in {"num_features": options["nf"], "base_num_every_group": options["n_pairs"]}.items():
        if case.config.get(key, value) != value:
            raise NotCoveredError(f"{key} {case.config[key]} with weights of {key} {value}")
    return network.double()


def whole_tsfnet(case: Case) -> Answers:
    """Both images, and the first stage's features before and after the spectral split."""
    network = tsfnet(case)
    seen: dict[str, list[Tensor]] = {}
    network.split.register_forward_hook(lambda module, inputs, output: seen.update(dec=inputs[0], fused=output))
    with torch.no_grad():
        images = network(torch.from_numpy(case.inputs()["lr"]).double(), every_stage=True)
    answers: dict[str, npt.ArrayLike] = {}
    for name, image in zip(("output", "output1"), images, strict=True):
        answers |= {name: image, f"{name}_stride4": image[..., ::4, ::4], f"{name}_crop": image[..., 96:160, 96:160]}
        answers |= _moments(name, image)
    for name, features in seen.items():
        for level, feature in enumerate(features):
            answers |= _moments(f"{name}{level}", feature)
    return answers


def _moments(name: str, maps: Tensor) -> Answers:
    """Of each sample and channel."""
    deviation, mean = torch.std_mean(maps, dim=(2, 3), correction=0)
    return {f"{name}_mean": mean, f"{name}_std": deviation}


def spatial_block(case: Case) -> Answers:
    """The block's output for each input."""
    config = case.config
    block = SpatialBlock(config["n_feat"], config["n_resblocks"])
    return _each_input(case, block, keys.spatial_keys(config["n_resblocks"]))


def frequency_block(case: Case) -> Answers:
    """The block's output for each input."""
    config = case.config
    block = FrequencyBlock(config["n_feat"], config["n_resblocks"])
    return _each_input(case, block, keys.frequency_keys(config["n_resblocks"]))


def phase_filter(case: Case) -> Answers:
    """The filter's output, amplitude and phase for each input."""
    module = PhaseFilter(case.config["dim"])
    answers = dict(_each_input(case, module, keys.filter_keys()))
    with torch.no_grad():
        for name, given in tensors(case)[1].items():
            answers[f"{name}_amp"], answers[f"{name}_pha"] = module.filtered(given)
    return answers


def _each_input(case: Case, module: nn.Module, names: dict[str, str]) -> Answers:
    state, inputs = tensors(case)
    load_module(module, state, names, ())
    with torch.no_grad():
        return {name: module(given) for name, given in inputs.items()}


def resampling(case: Case) -> Answers:
    """Each input halved and doubled."""
    width = case.config["num_features"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, module, names in (
        ("down", Halving(width), keys.halving_keys()),
        ("up", doubling(width), keys.doubling_keys()),
    ):
        load_module(module, part(case.state(), f"{name}."), names, ())
        with torch.no_grad():
            answers |= {f"{name}_{label}": module(given) for label, given in tensors(case)[1].items()}
    return answers


def fusion(case: Case) -> Answers:
    """With and without a skip, and what the attention and its norm give."""
    state, inputs = tensors(case)
    block = Fusion(case.config["channels"], len(state["spa_att.temperature"]))
    load_module(block, state, keys.fusion_keys(), ())
    answers: dict[str, npt.ArrayLike] = {}
    for size in case.config["sizes"]:
        given = inputs[f"dec_{size}"]
        with torch.no_grad():
            answers |= {
                f"plain_{size}": block(given),
                f"skip_{size}": block(given, inputs[f"enc_{size}"]),
                f"attention_{size}": block.attention(block.enter(given)),
                f"layernorm_{size}": block.attention.norm(given),
            }
    return answers


def cross_fusion(case: Case) -> Answers:
    """The fused feature, and both gates."""
    state, inputs = tensors(case)
    block = CrossFusion(case.config["channels"], len(state["spa_att.temperature"]))
    load_module(block, state, keys.fusion_keys() | keys.crossing_keys(), ())
    seen: dict[str, Any] = {}
    block.crossing.weigh.register_forward_hook(lambda module, given, output: seen.update(gates=torch.sigmoid(output)))
    answers: dict[str, npt.ArrayLike] = {}
    for size in case.config["sizes"]:
        with torch.no_grad():
            answers[f"fused_{size}"] = block(inputs[f"dec_{size}"], inputs[f"enc_{size}"])
        answers[f"gates_{size}"] = seen["gates"]
    return answers


def spectral_split(case: Case) -> Answers:
    """Every feature with its band, and the bands' weights."""
    inputs = tensors(case)[1]
    fused = SpectralSplit()([inputs[f"dec{level}"] for level in range(len(inputs))])
    answers: dict[str, npt.ArrayLike] = {f"fused{level}": one for level, one in enumerate(fused)}
    side = case.config["spectral_size"]
    return answers | {f"band_{len(one)}": centred(one) for one in band_weights(side, side)}
