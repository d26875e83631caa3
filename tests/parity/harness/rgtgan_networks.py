"""Answers the parity cases of RGTNet, of the blocks that are its own, and of the discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from harness.case import Case, NotCoveredError
from harness.networks import (
    Tensors,
    aligned_maps,
    each_module,
    load_module,
    require_options,
    transferred,
    whole_network,
)
from harness.run import Answers
from refsr.interop.weights.discriminator import discriminator_options, import_discriminator
from refsr.interop.weights.rgtnet import (
    DCNV3_LEAVES,
    DEAD,
    TRANSPOSED,
    alignment_keys,
    dense_offset_keys,
    drr_keys,
    gtem_keys,
    import_rgtnet,
    texture_keys,
)
from refsr.interop.weights.rrsnet import LEVELS, chain_length, deformable_keys, with_parameters
from refsr.networks.blocks.alignment import PyramidAlignment
from refsr.networks.blocks.dcnv3 import AligningDCNv3
from refsr.networks.blocks.dense_offset import DenseOffset
from refsr.networks.blocks.drr import DenseRestore
from refsr.networks.blocks.gtem import GradientEnhancement
from refsr.networks.blocks.texture import TextureTransfer
from refsr.networks.rgtnet import Offsets, RGTNet

READINGS: Mapping[str, Offsets] = {"release": "released", "dense": "dense", "paper": "dense"}
"""How a case names the readings of DIDConv."""


def whole_rgtnet(case: Case) -> Answers:
    """The network's image, and what the optional probes look at."""
    network = rgtnet(case)
    enhanced: list[Tensor] = []
    assert network.enhance is not None
    network.enhance.register_forward_hook(lambda module, inputs, output: enhanced.extend(output.chunk(3)))
    answers = whole_network(case, network)
    lr_up, _, ref = enhanced
    return {**answers, "probe_gtem_lr": lr_up, "probe_gtem_ref": ref}


def rgtnet(case: Case) -> RGTNet:
    """RGTNet with the case's weights in the case's reading."""
    network, conversion = import_rgtnet(_state(case), _reading(case))
    conversion.require_complete(case.name)
    require_options(case, network)
    return network


def alignment(case: Case) -> Answers:
    """The alignment alone on features of three levels."""
    state, reading = _state(case), _reading(case)
    kernel, groups = state["L1_fea_conv.weight"], state["L1_dcnpack.mask.weight"].shape[0] // 9
    channels, out_channels = kernel.shape[0], kernel.shape[1] - kernel.shape[0]
    module = PyramidAlignment(
        channels, out_channels, LEVELS, lambda width: AligningDCNv3(width, group=groups), reading == "dense"
    )
    keys = with_parameters(alignment_keys("", "", reading)) | deformable_keys("", "", DCNV3_LEAVES)
    load_module(module, state, keys, DEAD[reading])
    return aligned_maps(case, module)


def gtem(case: Case) -> Answers:
    """The enhanced map of each input."""
    state = _state(case)
    channels, in_channels = state["conv_e1.0.weight"].shape[:2]
    blocks = chain_length(state, "res_dense")
    module = GradientEnhancement(in_channels, channels, blocks)
    load_module(module, state, with_parameters(gtem_keys("", "", blocks)), transposed=TRANSPOSED)
    return _each_input(case, module)


def dense_restore(case: Case) -> Answers:
    """The dense-restore-residual block upon each input."""
    state = _state(case)
    module = DenseRestore(
        state["dconv_ud1.0.weight"].shape[0], case.config.get("outer", 3), case.config.get("inner", 3)
    )
    load_module(module, state, with_parameters(drr_keys("", "")), transposed=TRANSPOSED)
    return _each_input(case, module)


def dense_offset(case: Case) -> Answers:
    """DIDConv's dense branch."""

    def answer(name: str, options: Mapping[str, Any], state: Tensors, given: Tensors) -> Answers:
        module = DenseOffset(state["offset_conv1.weight"].shape[0])
        load_module(module, state, with_parameters(dense_offset_keys("", "")))
        return {name: module(given["a"], given["b"])}

    return each_module(case, answer)


def texture(case: Case) -> Answers:
    """RGTNet's texture transfer: the residual image."""

    def answer(name: str, options: Mapping[str, Any], state: Tensors, given: Tensors) -> Answers:
        blocks, channels = options["n_blocks"], state["head_small.0.weight"].shape[0]
        out_channels = state["tail_large.2.weight"].shape[0]
        module = TextureTransfer(channels, out_channels, blocks, LEVELS, DenseRestore(channels))
        load_module(module, state, with_parameters(texture_keys("", "", blocks)), transposed=TRANSPOSED)
        return {name: transferred(module, given)}

    return each_module(case, answer)


def discriminator(case: Case) -> Answers:
    """Logits, the gradient of their sum for the input, and the last convolution before its activation."""
    state = _state(case)
    network, conversion = import_discriminator(state)
    conversion.require_complete(case.name)
    for key, value in discriminator_options(state).items():
        if case.config.get(key, value) != value:
            raise NotCoveredError(f"{key} {case.config[key]} with weights of {key} {value}")
    seen: list[Tensor] = []
    network.layers[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.detach()[:, ::16]))
    answers: dict[str, npt.ArrayLike] = {}
    for name, array in case.inputs().items():
        image = torch.from_numpy(array).requires_grad_()
        logit = network(image)
        (slope,) = torch.autograd.grad(logit.sum(), image)
        answers[f"logit_{name}"] = logit.detach()
        answers[f"grad_{name}"] = slope[:, :, 64:96, 64:96]
        answers[f"grad_norm_{name}"] = slope.norm()
        answers[f"probe_conv4_1_{name}"] = seen.pop()
    return answers


def _each_input(case: Case, module: torch.nn.Module) -> Answers:
    with torch.no_grad():
        return {f"y_{name}": module(torch.from_numpy(array)) for name, array in case.inputs().items()}


def _state(case: Case) -> dict[str, Tensor]:
    return {key: torch.from_numpy(array) for key, array in case.state().items()}


def _reading(case: Case) -> Offsets:
    variant = case.config.get("variant", "release")
    if variant not in READINGS:
        raise NotCoveredError(f"variant {variant!r} is none of {', '.join(READINGS)}")
    return READINGS[variant]
