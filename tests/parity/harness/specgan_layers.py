"""Answers the parity cases of StyleGAN2 and its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.networks import load_module
from harness.run import Answers
from refsr.interop.weights.conversion import Dead
from refsr.interop.weights.rrsnet import under
from refsr.interop.weights.stylegan2 import (
    FILTERS,
    conv_keys,
    halving_block_keys,
    image_keys,
    import_discriminator_network,
    import_stylegan2,
    in_our_shape,
    linear_keys,
    mapping_keys,
    modulated_keys,
    styled_keys,
)
from refsr.networks.blocks.equalised import EqualConv, EqualLinear, HalvingBlock, pixel_normalised
from refsr.networks.blocks.fir import doubled, halved, resampled
from refsr.networks.blocks.minibatch_stddev import with_minibatch_stddev
from refsr.networks.blocks.modulated_conv import ModulatedConv, Resample, StyledConv, ToImage
from refsr.networks.blocks.synthesis import Mapping as MappingNetwork

Tensors = Mapping[str, Tensor]

FRONT = Dead(r"[a-z_]+\.0\.kernel", "fixed filters")
"""Where a layer stands alone, its filter stands right under its name."""


def filters(case: Case) -> Answers:
    """Each layer of the configuration upon the input."""
    x = given(case)["x"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, layer in case.config["layers"].items():
        taps = layer["kernel"]
        if layer["type"] == "blur":
            before, after = layer["pad"]
            gain = layer.get("upsample_factor", 1) ** 2
            answers[name] = resampled(x, taps, before=before, after=after, gain=gain)
        else:
            answers[name] = {"up": doubled, "down": halved}[layer["type"]](x, taps)
    return answers


def equal_layers(case: Case) -> Answers:
    """Each layer of the configuration upon the input it is fed with."""
    inputs, state = given(case), published(case)
    answers: dict[str, npt.ArrayLike] = {}
    for name, layer in case.config["layers"].items():
        x = inputs[case.meta["feeds"][name]]
        if layer["type"] == "pixel_norm":
            answers[name] = pixel_normalised(x)
            continue
        module, keys = _equal_layer(layer)
        own = {key: one for key, one in state.items() if key.startswith(f"{name}.")}
        load_module(module, own, under("", name, keys), (FRONT, FILTERS))
        with torch.no_grad():
            answers[name] = module(x)
    return answers


def modulated(case: Case) -> Answers:
    """A modulated convolution."""
    config, inputs = case.config, given(case)
    module = ModulatedConv(
        config["in_channels"],
        config["out_channels"],
        config["kernel_size"],
        config["style_channels"],
        config.get("demodulate", True),
        _resampling(config),
    )
    load_module(module, published(case), modulated_keys(), (FILTERS,))
    with torch.no_grad():
        return {"y": module(inputs["x"], inputs["style"])}


def styled(case: Case) -> Answers:
    """A style convolution block with the noise that is given."""
    config, inputs = case.config, given(case)
    module = StyledConv(
        config["in_channels"],
        config["out_channels"],
        config["style_channels"],
        _resampling(config),
        kernel=config["kernel_size"],
    )
    load_module(module, published(case), styled_keys("", ""), (FILTERS,))
    with torch.no_grad():
        return {"y": module(inputs["x"], inputs["style"], inputs["noise"])}


def to_image(case: Case) -> Answers:
    """A to-RGB block."""
    config, inputs = case.config, given(case)
    module = ToImage(config["in_channels"], config.get("out_channels", 3), config["style_channels"])
    load_module(module, published(case), image_keys("", ""), (FILTERS,))
    with torch.no_grad():
        return {"y": module(inputs["x"], inputs["style"], inputs.get("skip"))}


def mapping(case: Case) -> Answers:
    """The mapping network."""
    config = case.config
    module = MappingNetwork(config["style_channels"], config["num_mlps"], config["lr_mlp"])
    load_module(module, published(case), under("", "style_mapping", mapping_keys(config["num_mlps"])))
    with torch.no_grad():
        return {"w": module(given(case)["z"])}


def generator(case: Case) -> Answers:
    """StyleGAN2's image and codes: from draws, shortened or crossed as the call says, or from codes."""
    config, inputs = case.config, given(case)
    network, done = import_stylegan2(published(case), "released", config.get("lr_mlp", 0.01))
    done.require_complete(case.name)
    if network.side != config["out_size"]:
        raise NotCoveredError(f"out_size {config['out_size']} with weights of {network.side}")
    call = config["call"]
    with torch.no_grad():
        codes = _codes(network, call, [inputs[name] for name in call["styles"]], inputs)
        return {"image": network.synthesis(codes), "latent": codes}


def discriminator(case: Case) -> Answers:
    """Logits."""
    network = judge(published(case), case)
    with torch.no_grad():
        return {"logits": network(given(case)["image"])}


def judge(state: Tensors, case: Case) -> nn.Module:
    """The discriminator with the case's weights."""
    network, done = import_discriminator_network(state)
    done.require_complete(case.name)
    size = case.config.get("discriminator", case.config).get("in_size", network.side)
    if network.side != size:
        raise NotCoveredError(f"in_size {size} with weights of {network.side}")
    return network


def deviation(case: Case) -> Answers:
    """The input with its channels of deviation."""
    config = case.config
    return {"y": with_minibatch_stddev(given(case)["x"], config["group_size"], config["channel_groups"])}


def given(case: Case) -> dict[str, Tensor]:
    """The case's inputs."""
    return {name: torch.from_numpy(array) for name, array in case.inputs().items()}


def published(case: Case) -> dict[str, Tensor]:
    """The case's weights under their published keys, in our shapes."""
    return {key: in_our_shape(key, torch.from_numpy(array)) for key, array in case.state().items()}


def _codes(network: Any, call: Mapping[str, Any], styles: list[Tensor], inputs: Tensors) -> Tensor:
    """A code for each layer."""
    if not call.get("input_is_latent", False):
        styles = [network.mapping(one) for one in styles]
    share = call.get("truncation", 1)
    if share != 1:
        middle = inputs[call.get("truncation_latent", "truncation_latent")]
        styles = [middle + share * (one - middle) for one in styles]
    if len(styles) == 1:
        return styles[0] if styles[0].dim() == 3 else styles[0][:, None].repeat(1, network.codes, 1)
    crossing = call["inject_index"]
    return torch.cat(
        [styles[0][:, None].repeat(1, crossing, 1), styles[1][:, None].repeat(1, network.codes - crossing, 1)], dim=1
    )


def _equal_layer(layer: Mapping[str, Any]) -> tuple[nn.Module, dict[str, str]]:
    if layer["type"] == "linear":
        module = EqualLinear(layer["in"], layer["out"], layer.get("lr_mul", 1.0), layer.get("act", False))
        return module, linear_keys("", "")
    if layer["type"] == "resblock":
        return HalvingBlock(layer["in"], layer["out"]), halving_block_keys("", "")
    if layer["type"] != "conv":
        raise NotCoveredError(f"a layer of type {layer['type']!r}")
    halve, activate = layer.get("downsample", False), layer.get("act", True)
    conv = EqualConv(layer["in"], layer["out"], layer["kernel_size"], halve, activate)
    return conv, conv_keys("", "", halve, activate)


def _resampling(config: Mapping[str, Any]) -> Resample | None:
    if config.get("upsample", False):
        return "released"
    return "halve" if config.get("downsample", False) else None
