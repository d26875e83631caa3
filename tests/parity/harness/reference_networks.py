"""Answers for RRSNet and RGTNet, for their blocks, and for the discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.modules import Options, Tensors, each_input, each_module, load_module, require_equal
from harness.run import Answers
from refsr.interop.weights import rgtnet, rrsnet
from refsr.interop.weights.discriminator import discriminator_options, import_discriminator
from refsr.interop.weights.rrsnet import LEVELS, chain_length, with_parameters
from refsr.networks.blocks.alignment import DenseOffset, PyramidAlignment
from refsr.networks.blocks.dcn import AligningDCNv3, DCNv2
from refsr.networks.blocks.drr import DenseRestoreResidual
from refsr.networks.blocks.encoders import ContentExtractor, Encoder
from refsr.networks.blocks.gtem import GradientEnhancement
from refsr.networks.blocks.reference_transfer import ReferenceTransfer, RelevanceAttention, TextureTransfer
from refsr.networks.rgtnet import Offsets, RGTNet
from refsr.networks.rrsnet import RRSNet

VARIANTS: Mapping[str, Offsets] = {"release": "released", "dense": "dense", "paper": "dense"}
"""A case's names for the two readings of DIDConv."""


def rrsnet_of(case: Case) -> RRSNet:
    """RRSNet with the case's weights."""
    network, conversion = rrsnet.import_rrsnet(case.weights())
    conversion.require_complete(case.name)
    _require_described(case, network)
    return network


def rgtnet_of(case: Case) -> RGTNet:
    """RGTNet with the case's weights, in the case's variant."""
    network, conversion = rgtnet.import_rgtnet(case.weights(), variant(case))
    conversion.require_complete(case.name)
    _require_described(case, network)
    return network


def variant(case: Case) -> Offsets:
    """Where the case's deformable layers get their offsets from."""
    named = case.config.get("variant", "release")
    if named not in VARIANTS:
        raise NotCoveredError(f"variant {named!r} is none of {', '.join(VARIANTS)}")
    return VARIANTS[named]


def rrsnet_image(case: Case) -> Answers:
    """RRSNet's image, and the optional probes."""
    return _image(case, rrsnet_of(case))


def rgtnet_image(case: Case) -> Answers:
    """RGTNet's image, and the optional probes."""
    network = rgtnet_of(case)
    enhanced: list[Tensor] = []
    assert network.enhance is not None
    network.enhance.register_forward_hook(lambda module, inputs, output: enhanced.extend(output.chunk(3)))
    answers = _image(case, network)
    lr_up, _, ref = enhanced
    return {**answers, "probe_gtem_lr": lr_up, "probe_gtem_ref": ref}


def _require_described(case: Case, network: ReferenceTransfer) -> None:
    require_equal(case, {"nf": network.alignment.cascade_fusion.out_channels, "scale": network.scale})


def _image(case: Case, network: ReferenceTransfer) -> Answers:
    given = case.given()
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


def rrsnet_alignment(case: Case) -> Answers:
    """RRSNet's alignment on features of three levels."""
    state = case.weights()
    groups = state["L1_dcnpack.conv_offset_mask.weight"].shape[0] // 27
    module = PyramidAlignment(*_widths(state), LEVELS, lambda width: DCNv2(width, width, deformable_groups=groups))
    keys = with_parameters(rrsnet.fusion_keys("", "") | rrsnet.offset_keys("", ""))
    keys |= rrsnet.deformable_keys("", "", rrsnet.DCNV2_LEAVES)
    load_module(module, state, keys, rrsnet.UNUSED)
    return _aligned(case, module)


def rgtnet_alignment(case: Case) -> Answers:
    """RGTNet's alignment on features of three levels."""
    state, offsets = case.weights(), variant(case)
    groups = state["L1_dcnpack.mask.weight"].shape[0] // 9
    module = PyramidAlignment(
        *_widths(state), LEVELS, lambda width: AligningDCNv3(width, group=groups), offsets == "dense"
    )
    keys = with_parameters(rgtnet.alignment_keys("", "", offsets))
    keys |= rrsnet.deformable_keys("", "", rgtnet.DCNV3_LEAVES)
    load_module(module, state, keys, rgtnet.UNUSED[offsets])
    return _aligned(case, module)


def _widths(state: Tensors) -> tuple[int, int]:
    """Channels of the features, and of what the alignment makes of them."""
    channels, both = state["L1_fea_conv.weight"].shape[:2]
    return channels, both - channels


def _aligned(case: Case, module: nn.Module) -> Answers:
    given = case.given()
    features = [[given[f"{kind}_l{level + 1}"] for level in range(LEVELS)] for kind in ("ref", "ref_dux4", "lr")]
    with torch.no_grad():
        return {f"l{level}": moved for level, moved in enumerate(module(*features), 1)}


def encoders(case: Case) -> Answers:
    """Every level of each encoder."""

    def answer(name: str, options: Options, state: Tensors, given: Tensors) -> Answers:
        encoder = Encoder(options["in_ch"], options["nf"], LEVELS)
        load_module(encoder, state, with_parameters(rrsnet.encoder_keys("", "")))
        return {f"{name}_conv{level}": feature for level, feature in enumerate(encoder(given["x"]), 1)}

    return each_module(case, answer)


def content_extractors(case: Case) -> Answers:
    """The content feature; the tail's image is published, but nothing reads it."""

    def answer(name: str, options: Options, state: Tensors, given: Tensors) -> Answers:
        channels, in_channels = state["head.0.weight"].shape[:2]
        blocks = chain_length(state, "body")
        used = {key: tensor for key, tensor in state.items() if not key.startswith("tail.")}
        extractor = ContentExtractor(in_channels, channels, blocks)
        load_module(extractor, used, with_parameters(rrsnet.content_keys("", "", blocks)))
        return {name: extractor(given["x"])}

    return each_module(case, answer)


def relevance(case: Case) -> Answers:
    """RAM under each of the configuration's widths."""

    def answer(name: str, options: Options, state: Tensors, given: Tensors) -> Answers:
        module = RelevanceAttention(options["nf"], options["n_condition"], state["mul_conv1.weight"].shape[0])
        load_module(module, state, with_parameters(rrsnet.relevance_keys("", "")))
        return {name: module(given["features"], given["conditions"])}

    return each_module(case, answer)


def rrsnet_texture(case: Case) -> Answers:
    """RRSNet's texture transfer: the residual image."""

    def answer(name: str, options: Options, state: Tensors, given: Tensors) -> Answers:
        blocks = chain_length(state, "body_small")
        module = TextureTransfer(*_texture_widths(state), blocks, LEVELS)
        load_module(module, state, with_parameters(rrsnet.texture_keys("", "", blocks)))
        return {name: _residual(module, given)}

    return each_module(case, answer)


def rgtnet_texture(case: Case) -> Answers:
    """RGTNet's texture transfer: the residual image."""

    def answer(name: str, options: Options, state: Tensors, given: Tensors) -> Answers:
        blocks, (channels, out_channels) = chain_length(state, "body_small"), _texture_widths(state)
        module = TextureTransfer(channels, out_channels, blocks, LEVELS, DenseRestoreResidual(channels))
        keys = with_parameters(rgtnet.texture_keys("", "", blocks))
        load_module(module, state, keys, transposed=rgtnet.TRANSPOSED)
        return {name: _residual(module, given)}

    return each_module(case, answer)


def _texture_widths(state: Tensors) -> tuple[int, int]:
    """Channels of the features, and of the image."""
    return state["head_small.0.weight"].shape[0], state["tail_large.2.weight"].shape[0]


def _residual(module: TextureTransfer, given: Tensors) -> Tensor:
    residual: Tensor = module(given["x"], [given[f"map_l{level + 1}"] for level in range(LEVELS)])
    return residual


def gtem(case: Case) -> Answers:
    """The enhanced map of each input."""
    state = case.weights()
    channels, in_channels = state["conv_e1.0.weight"].shape[:2]
    blocks = chain_length(state, "res_dense")
    module = GradientEnhancement(in_channels, channels, blocks)
    load_module(module, state, with_parameters(rgtnet.gtem_keys("", "", blocks)), transposed=rgtnet.TRANSPOSED)
    return each_input(case, module, "y_{}")


def dense_restore(case: Case) -> Answers:
    """The dense-restore-residual block on each input."""
    state, config = case.weights(), case.config
    module = DenseRestoreResidual(state["dconv_ud1.0.weight"].shape[0], config.get("outer", 3), config.get("inner", 3))
    load_module(module, state, with_parameters(rgtnet.drr_keys("", "")), transposed=rgtnet.TRANSPOSED)
    return each_input(case, module, "y_{}")


def dense_offset(case: Case) -> Answers:
    """DIDConv's dense branch."""

    def answer(name: str, options: Options, state: Tensors, given: Tensors) -> Answers:
        module = DenseOffset(state["offset_conv1.weight"].shape[0])
        load_module(module, state, with_parameters(rgtnet.dense_offset_keys("", "")))
        return {name: module(given["a"], given["b"])}

    return each_module(case, answer)


def discriminator(case: Case) -> Answers:
    """Logits, the gradient of their sum for the input, and the last convolution before its activation."""
    state = case.weights()
    network, conversion = import_discriminator(state)
    conversion.require_complete(case.name)
    require_equal(case, {key: one for key, one in discriminator_options(state).items() if key in ("in_nc", "nf")})
    seen: list[Tensor] = []
    network.layers[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.detach()[:, ::16]))
    answers: dict[str, npt.ArrayLike] = {}
    for name, image in case.given().items():
        logit = network(image.requires_grad_())
        (slope,) = torch.autograd.grad(logit.sum(), image)
        answers[f"logit_{name}"] = logit.detach()
        answers[f"grad_{name}"] = slope[:, :, 64:96, 64:96]
        answers[f"grad_norm_{name}"] = slope.norm()
        answers[f"probe_conv4_1_{name}"] = seen.pop()
    return answers
