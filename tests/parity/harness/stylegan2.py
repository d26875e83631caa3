"""Answers for StyleGAN2 and its layers."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.modules import Options, Tensors, load_module, require_options
from harness.run import Answers
from refsr.interop.weights.conversion import UnusedKeys
from refsr.interop.weights.rrsnet import under
from refsr.interop.weights.stylegan2 import (
    FILTERS,
    conv_keys,
    discriminator_block_keys,
    image_keys,
    import_discriminator_network,
    import_stylegan2,
    in_our_shape,
    linear_keys,
    mapping_keys,
    modulated_keys,
    styled_keys,
)
from refsr.networks.blocks.stylegan2_layers import (
    DiscriminatorBlock,
    EqualizedConv2d,
    EqualizedLinear,
    ModulatedConv,
    Resample,
    StyledConv,
    ToRGB,
    downsample2d,
    pixel_norm,
    upfirdn2d,
    upsample2d,
)
from refsr.networks.blocks.stylegan2_synthesis import MappingNetwork
from refsr.networks.stylegan2_discriminator import append_minibatch_stddev

RESAMPLERS = {"up": upsample2d, "down": downsample2d}

ALONE = UnusedKeys(r"((conv2|skip)\.)?0\.kernel", "fixed filters")
"""Filters of a layer that stands alone."""


def filters(case: Case) -> Answers:
    """Each layer of the configuration on the input."""
    x = case.given()["x"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, layer in case.config["layers"].items():
        taps = layer["kernel"]
        if layer["type"] == "blur":
            before, after = layer["pad"]
            gain = layer.get("upsample_factor", 1) ** 2
            answers[name] = upfirdn2d(x, taps, before=before, after=after, gain=gain)
        elif layer["type"] in RESAMPLERS and layer.get("factor", 2) == 2:
            answers[name] = RESAMPLERS[layer["type"]](x, taps)
        else:
            raise NotCoveredError(f"a layer {layer}")
    return answers


def equalised_layers(case: Case) -> Answers:
    """Each layer of the configuration on the input that config.feeds names."""
    inputs = case.given()
    answers: dict[str, npt.ArrayLike] = {}
    for name, layer in case.config["layers"].items():
        x = inputs[case.meta["feeds"][name]]
        if layer["type"] == "pixel_norm":
            answers[name] = pixel_norm(x)
            continue
        module, keys = _equal_layer(layer)
        load_module(module, published(case, f"{name}."), keys, (ALONE,))
        with torch.no_grad():
            answers[name] = module(x)
    return answers


def modulated_conv(case: Case) -> Answers:
    """A modulated convolution."""
    config, inputs = case.config, case.given()
    module = ModulatedConv(
        config["in_channels"],
        config["out_channels"],
        config.get("kernel_size", 3),
        config["style_channels"],
        config.get("demodulate", True),
        _resampling(config),
    )
    load_module(module, published(case), modulated_keys(), (FILTERS,))
    with torch.no_grad():
        return {"y": module(inputs["x"], inputs["style"])}


def styled_conv(case: Case) -> Answers:
    """A style convolution block with the noise that is given."""
    config, inputs = case.config, case.given()
    module = StyledConv(
        config["in_channels"],
        config["out_channels"],
        config["style_channels"],
        _resampling(config),
        kernel=config.get("kernel_size", 3),
    )
    module.conv.demodulate = config.get("demodulate", True)
    load_module(module, published(case), styled_keys("", ""), (FILTERS,))
    with torch.no_grad():
        return {"y": module(inputs["x"], inputs["style"], inputs.get("noise"))}


def to_image(case: Case) -> Answers:
    """A to-RGB block."""
    config, inputs = case.config, case.given()
    module = ToRGB(config["in_channels"], config.get("out_channels", 3), config["style_channels"])
    load_module(module, published(case), image_keys("", ""), (FILTERS,))
    with torch.no_grad():
        return {"y": module(inputs["x"], inputs["style"], inputs.get("skip"))}


def mapping(case: Case) -> Answers:
    """The mapping network."""
    config = case.config
    module = MappingNetwork(config["style_channels"], config["num_mlps"], config["lr_mlp"])
    load_module(module, published(case), under("", "style_mapping", mapping_keys(config["num_mlps"])))
    with torch.no_grad():
        return {"w": module(case.given()["z"])}


def generator(case: Case) -> Answers:
    """StyleGAN2's image and codes: from draws, shortened or crossed as the call says, or from codes."""
    config, inputs = case.config, case.given()
    network, done = import_stylegan2(published(case), "released", config.get("lr_mlp", 0.01))
    done.require_complete(case.name)
    require_options(config, {"out_size": network.side})
    call = config["call"]
    with torch.no_grad():
        codes = _codes(network, call, [inputs[name] for name in call["styles"]], inputs)
        return {"image": network.synthesis(codes), "latent": codes}


def discriminator(case: Case) -> Answers:
    """Logits."""
    network = discriminator_of(case)
    with torch.no_grad():
        return {"logits": network(case.given()["image"])}


def discriminator_of(case: Case) -> nn.Module:
    """The discriminator with the case's weights."""
    network, done = import_discriminator_network(published(case))
    done.require_complete(case.name)
    require_options(case.config.get("discriminator", case.config), {"in_size": network.side})
    return network


def minibatch_stddev(case: Case) -> Answers:
    """The input with its channels of standard deviations."""
    config = case.config
    return {
        "y": append_minibatch_stddev(case.given()["x"], config.get("group_size", 4), config.get("channel_groups", 1))
    }


def published(case: Case, prefix: str = "") -> dict[str, Tensor]:
    """The case's weights below a prefix under their published keys, in our shapes."""
    return {key: in_our_shape(prefix + key, one) for key, one in case.weights(prefix).items()}


def _codes(network: Any, call: Options, styles: list[Tensor], inputs: Tensors) -> Tensor:
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


def _equal_layer(layer: Options) -> tuple[nn.Module, dict[str, str]]:
    if layer["type"] == "linear":
        module = EqualizedLinear(layer["in"], layer["out"], layer.get("lr_mul", 1.0), layer.get("act", False))
        return module, linear_keys("", "")
    if layer["type"] == "resblock":
        return DiscriminatorBlock(layer["in"], layer["out"]), discriminator_block_keys("", "")
    if layer["type"] != "conv":
        raise NotCoveredError(f"a layer of type {layer['type']!r}")
    halve, activate = layer.get("downsample", False), layer.get("act", True)
    conv = EqualizedConv2d(layer["in"], layer["out"], layer["kernel_size"], halve, activate)
    return conv, conv_keys("", "", halve, activate)


def _resampling(config: Options) -> Resample | None:
    if config.get("upsample", False):
        return "released"
    return "down" if config.get("downsample", False) else None
