"""Answers the parity cases of SpecGAN's generator and of its dual-branch encoder."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.case import Case, NotCoveredError
from harness.networks import load_module
from harness.run import Answers
from harness.specgan_layers import given, published
from refsr.interop.weights.rrsnet import with_parameters
from refsr.interop.weights.specgan import UNFELT, attention_keys, branch_keys, head_keys, import_specgan
from refsr.networks.blocks.dual_branch import SLOPE, DenseBranch, DualBranchEncoder, SimilarityAttention
from refsr.networks.specgan import SpecGAN


def branch(case: Case) -> Answers:
    """A branch of dense blocks."""
    config = case.config
    blocks, layers = config["num_RDB_block"], config["nConvLayers"]
    module = DenseBranch(config["growRate0"], blocks, config["growRate"], layers)
    load_module(module, published(case), with_parameters(branch_keys(blocks, layers)))
    with torch.no_grad():
        return {"y": module(given(case)["x"])}


def attention(case: Case) -> Answers:
    """The similarity attention."""
    state, inputs = published(case), given(case)
    width, channels = state["query_conv.weight"].shape[:2]
    module = SimilarityAttention(channels, width)
    load_module(module, state, attention_keys(), (UNFELT,))
    with torch.no_grad():
        return {"y": module(inputs["reference"], inputs["x"])}


def head(case: Case) -> Answers:
    """The dual-branch encoder's two maps."""
    config, state = case.config, published(case)
    blocks, layers = config["num_RDB_blocks"], config["Depth"]
    spectral, visible = config["in_dim"]
    module = DualBranchEncoder(
        spectral,
        visible,
        (config["out_dim"][0], config["out_dim"][1]),
        config["base_dim"],
        blocks,
        config["growRate"],
        layers,
        state["similarX.query_conv.weight"].shape[0],
    )
    load_module(module, state, head_keys(blocks, layers), (UNFELT,))
    with torch.no_grad():
        maps = module(*parted(given(case)["lq"], visible))
    return sampled(case, dict(zip(("encoder_feature", "decoder_feature"), maps, strict=True)))


def generator(case: Case) -> Answers:
    """The generator's image, and what the optional taps look at."""
    network = specgan(case, published(case), case.config)
    seen: dict[str, Tensor] = {}

    def look(name: str, value: Tensor) -> None:
        seen[name] = value

    network.to_codes.register_forward_hook(lambda module, inputs, output: look("latent", output.flatten(1)))
    network.bank.register_forward_hook(lambda module, inputs, output: look("skip", output[1]))
    network.finish.decode.register_forward_hook(
        lambda module, inputs, output: look("decoded", F.leaky_relu(output, SLOPE))
    )
    with torch.no_grad():
        image = network(*parted(given(case)["lq"], network.channels))
    return sampled(case, {"hr": image, **seen})


def specgan(case: Case, state: Mapping[str, Tensor], config: Mapping[str, int]) -> SpecGAN:
    """SpecGAN with these weights, of the sizes that a configuration names."""
    network, done = import_specgan(state)
    done.require_complete(case.name)
    found = {"in_size": network.side, "out_size": network.side * network.scale}
    for key, value in found.items():
        if config.get(key, value) != value:
            raise NotCoveredError(f"{key} {config[key]} with weights of {key} {value}")
    return network


def parted(lq: Tensor, visible: int) -> tuple[Tensor, Tensor]:
    """The published input, spectra before the image -> the image, and the spectra."""
    return lq[:, -visible:], lq[:, :-visible]


def sampled(case: Case, whole: Mapping[str, Tensor]) -> Answers:
    """Whole outputs, and the parts of them that the case keeps."""
    answers: dict[str, npt.ArrayLike] = dict(whole)
    for name, sample in case.meta.get("samples", {}).items():
        answers[name] = whole[sample["from"]][tuple(slice(*one) for one in sample["slices"])]
    return answers
