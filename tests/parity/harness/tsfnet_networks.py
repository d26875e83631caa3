"""Answers for TSFNet and its parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.case import Case
from harness.modules import each_input, load_module, require_equal
from harness.run import Answer, Answers
from refsr.interop.weights import tsfnet as keys
from refsr.networks.tsfnet.fusion import CrossStageFusion, SelfFusion
from refsr.networks.tsfnet.network import TSFNet
from refsr.networks.tsfnet.phase_filter import FrequencyBlock, PhaseFilter
from refsr.networks.tsfnet.spatial import Downsample, SpatialBlock, upsample
from refsr.networks.tsfnet.spectrum import fftshift_rows
from refsr.networks.tsfnet.split import SpectralSplit, band_weights


def tsfnet_of(case: Case) -> TSFNet:
    """The network with the case's weights, in float64.

    A phase is cut at pi, and a bin that lies nearer to the cut than float32 rounds jumps by two pi. Published numbers
    have that rounding once; with ours on top, seeds without a jump would have one.
    """
    state, scale = case.weights(), case.config["scale"]
    network, done = keys.import_tsfnet(state, scale)
    done.require_complete(case.name)
    options = keys.tsfnet_options(state, scale)
    require_equal(case, {"num_features": options["nf"], "base_num_every_group": options["n_blocks"]})
    return network.double()


def network_images(case: Case) -> Answers:
    """Both images, and the first stage's features before and after the spectral split."""
    network = tsfnet_of(case)
    seen: dict[str, list[Tensor]] = {}
    network.split.register_forward_hook(lambda module, inputs, output: seen.update(dec=inputs[0], fused=output))
    with torch.no_grad():
        images = network(case.given()["lr"].double(), every_stage=True)
    answers: dict[str, Answer] = {}
    for name, image in zip(("output", "output1"), images, strict=True):
        answers |= {name: image, f"{name}_stride4": image[..., ::4, ::4], f"{name}_crop": image[..., 96:160, 96:160]}
        answers |= _moments(name, image)
    for name, features in seen.items():
        for level, feature in enumerate(features):
            answers |= _moments(f"{name}{level}", feature)
    return answers


def _moments(name: str, maps: Tensor) -> Answers:
    """Of each sample and channel."""
    std, mean = torch.std_mean(maps, dim=(2, 3), correction=0)
    return {f"{name}_mean": mean, f"{name}_std": std}


def spatial_block(case: Case) -> Answers:
    """The block's output for each input."""
    config = case.config
    block = SpatialBlock(config["n_feat"], config["n_resblocks"])
    return each_input(case, load_module(block, case.weights(), keys.spatial_keys(config["n_resblocks"])))


def frequency_block(case: Case) -> Answers:
    """The block's output for each input."""
    config = case.config
    block = FrequencyBlock(config["n_feat"], config["n_resblocks"])
    return each_input(case, load_module(block, case.weights(), keys.frequency_keys(config["n_resblocks"])))


def phase_filter(case: Case) -> Answers:
    """The filter's output, amplitude and phase for each input."""
    module = PhaseFilter(case.config["dim"])
    load_module(module, case.weights(), keys.filter_keys())
    answers = dict(each_input(case, module))
    with torch.no_grad():
        for name, given in case.given().items():
            answers[f"{name}_amp"], answers[f"{name}_pha"] = module.filtered(given)
    return answers


def resampling(case: Case) -> Answers:
    """Each input halved and doubled, by the layers that the case has."""
    width = case.config["num_features"]
    answers: dict[str, Answer] = {}
    for name, module, names in (
        ("down", Downsample(width), keys.downsample_keys()),
        ("up", upsample(width), keys.upsample_keys()),
    ):
        if state := case.weights(f"{name}."):
            answers |= each_input(case, load_module(module, state, names), name + "_{}")
    return answers


def fusion(case: Case) -> Answers:
    """With and without a skip, and what the attention and its norm give."""
    state, inputs = case.weights(), case.given()
    block = SelfFusion(case.config["channels"], len(state["spa_att.temperature"]))
    load_module(block, state, keys.fusion_keys())
    answers: dict[str, Answer] = {}
    for size in case.config["sizes"]:
        given, skip = inputs[f"dec_{size}"], inputs.get(f"enc_{size}")
        with torch.no_grad():
            answers |= {
                f"plain_{size}": block(given),
                f"attention_{size}": block.attention(block.conv(given)),
                f"layernorm_{size}": block.attention.norm(given),
            }
            if skip is not None:
                answers[f"skip_{size}"] = block(given, skip)
    return answers


def cross_fusion(case: Case) -> Answers:
    """The fused feature, and both gates."""
    state, inputs = case.weights(), case.given()
    block = CrossStageFusion(case.config["channels"], len(state["spa_att.temperature"]))
    load_module(block, state, keys.fusion_keys() | keys.gate_keys())
    seen: dict[str, Any] = {}
    block.gate.conv_gates.register_forward_hook(lambda module, given, output: seen.update(gates=torch.sigmoid(output)))
    answers: dict[str, Answer] = {}
    for size in case.config["sizes"]:
        with torch.no_grad():
            answers[f"fused_{size}"] = block(inputs[f"dec_{size}"], inputs[f"enc_{size}"])
        answers[f"gates_{size}"] = seen["gates"]
    return answers


def spectral_split(case: Case) -> Answers:
    """Every feature with its band, and the bands' weights."""
    inputs = case.given()
    fused = SpectralSplit()([inputs[f"dec{level}"] for level in range(len(inputs))])
    answers: dict[str, Answer] = {f"fused{level}": one for level, one in enumerate(fused)}
    side = case.config["spectral_size"]
    return answers | {f"band_{len(one)}": fftshift_rows(one) for one in band_weights(side, side)}
