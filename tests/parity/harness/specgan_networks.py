"""Answers for SpecGAN's generator, and for its dual-branch encoder."""

from __future__ import annotations

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.case import Case
from harness.modules import Options, Tensors, load_module, require_options
from harness.run import Answers
from harness.stylegan2 import published
from refsr.interop.weights.rrsnet import with_parameters
from refsr.interop.weights.specgan import KEY_BIASES, attention_keys, branch_keys, head_keys, import_specgan
from refsr.networks.specgan.dual_branch import SLOPE, DenseBranch, DualBranchEncoder, SimilarityAttention
from refsr.networks.specgan.network import SpecGAN

PUBLISHED = {
    "in_dim": (48, 3),
    "out_dim": (512, 512),
    "num_RDB_blocks": 8,
    "base_dim": 128,
    "growRate": 64,
    "Depth": 8,
}
"""The released sizes of the dual-branch encoder."""


def branch(case: Case) -> Answers:
    """A branch of dense blocks."""
    config = case.config
    blocks, layers = config["num_RDB_block"], config["nConvLayers"]
    module = DenseBranch(config["growRate0"], blocks, config["growRate"], layers)
    load_module(module, published(case), with_parameters(branch_keys(blocks, layers)))
    with torch.no_grad():
        return {"y": module(case.given()["x"])}


def attention(case: Case) -> Answers:
    """The similarity attention."""
    state, inputs = published(case), case.given()
    width, channels = state["query_conv.weight"].shape[:2]
    module = SimilarityAttention(channels, width)
    load_module(module, state, attention_keys(), (KEY_BIASES,))
    with torch.no_grad():
        return {"y": module(inputs["reference"], inputs["x"])}


def encoder_head(case: Case) -> Answers:
    """The dual-branch encoder's two maps."""
    config, state = {**PUBLISHED, **case.config}, published(case)
    blocks, layers, (spectral, visible) = config["num_RDB_blocks"], config["Depth"], config["in_dim"]
    module = DualBranchEncoder(
        spectral,
        visible,
        tuple(config["out_dim"]),
        config["base_dim"],
        blocks,
        config["growRate"],
        layers,
        state["similarX.query_conv.weight"].shape[0],
    )
    load_module(module, state, head_keys(blocks, layers), (KEY_BIASES,))
    with torch.no_grad():
        maps = module(*parted(case.given()["lq"], visible))
    return sampled(case, dict(zip(("encoder_feature", "decoder_feature"), maps, strict=True)))


def generator(case: Case) -> Answers:
    """The generator's image, and the optional taps."""
    network = specgan_of(case, case.config)
    seen: dict[str, Tensor] = {}
    network.to_codes.register_forward_hook(lambda module, inputs, output: seen.update(latent=output.flatten(1)))
    network.bank.register_forward_hook(lambda module, inputs, output: seen.update(skip=output[1]))
    network.output_fusion.to_image.register_forward_hook(
        lambda module, inputs, output: seen.update(decoded=F.leaky_relu(output, SLOPE))
    )
    with torch.no_grad():
        image = network(*parted(case.given()["lq"], network.channels))
    return sampled(case, {"hr": image, **seen})


def specgan_of(case: Case, config: Options) -> SpecGAN:
    """SpecGAN with the case's weights, of the sizes that a configuration names."""
    network, done = import_specgan(published(case))
    done.require_complete(case.name)
    require_options(config, {"in_size": network.side, "out_size": network.side * network.scale})
    return network


def parted(lq: Tensor, visible: int) -> tuple[Tensor, Tensor]:
    """The published input, spectra before the image -> the image, and the spectra."""
    return lq[:, -visible:], lq[:, :-visible]


def sampled(case: Case, whole: Tensors) -> Answers:
    """Whole outputs, and the parts of them that the case keeps."""
    answers: dict[str, npt.ArrayLike] = dict(whole)
    for name, sample in case.meta.get("samples", {}).items():
        answers[name] = whole[sample["from"]][tuple(slice(*one) for one in sample["slices"])]
    return answers
