"""Answers for Ref-Diff's denoiser, its parts and its preconditioning."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.modules import Options, Tensors, load_module, require_options
from harness.run import Answers
from refsr.interop.weights.refdiff import UNUSED, part_keys, refdiff_keys
from refsr.interop.weights.rrsnet import relevance_keys, with_parameters
from refsr.networks.refdiff.blocks import BlockShape, Conditions, DecoderBlock, EncoderBlock, group_norm
from refsr.networks.refdiff.layers import (
    Resample,
    ResampledConv,
    SpatialFeatureTransform,
    positional_frequencies,
    sinusoids,
)
from refsr.networks.refdiff.network import Preconditioning, RefDiff
from refsr.networks.refdiff.unet import PreparedConditions


def denoiser_of(case: Case) -> RefDiff:
    """The denoiser with the case's options and weights."""
    network = RefDiff(**denoiser_options(case))
    load_module(network, case.weights(), refdiff_keys(network), UNUSED)
    return network.eval()


def denoiser_options(case: Case) -> dict[str, Any]:
    """The constructor's keywords of the case's denoiser; labels are published, but nothing reads them."""
    given = dict(case.config["network"])
    require_options(given, {"model_type": "SongUNet"})
    known = inspect.signature(RefDiff).parameters
    strange = given.keys() - known - {"img_channels", "label_dim", "augment_dim", "model_type", "eff_attn"}
    if strange:
        raise NotCoveredError(f"a denoiser with {', '.join(sorted(strange))}")
    options = {key: value for key, value in given.items() if key in known}
    return {"scale": 1, "channels": given.get("img_channels", 3), **options}


def prepared_conditions(network: RefDiff, given: Tensors) -> PreparedConditions:
    """What depends on the case's conditions alone; LR has the size of HR already."""
    return network.prepare(given["lr"], given["ref"], given["mask"])


def denoiser_output(case: Case) -> Answers:
    """The network's output before preconditioning, the embedding, and features on the way."""
    network, given = denoiser_of(case), case.given()
    first = next(iter(network.unet.decoder.values()))
    seen: dict[str, Any] = {}
    first.register_forward_hook(
        lambda module, inputs, output: seen.update(encoder_last=inputs[0], decoder_first=output)
    )
    network.unet.embedding.register_forward_hook(lambda module, inputs, output: seen.update(emb=output))
    with torch.no_grad():
        seen["F"] = network.unet(given["x"], given["c_noise"], prepared_conditions(network, given))
    return seen


def preconditioning(case: Case) -> Answers:
    """D at each noise level, shared by the batch and one a sample, and the coefficients."""
    network, given = denoiser_of(case), case.given()
    clean, noise = given["clean"], given["noise"]
    levels = torch.tensor(case.config["sigmas"])
    precondition = Preconditioning(levels, network.sigma_data)
    with torch.no_grad():
        prepared = prepared_conditions(network, given)
        shared = [network.denoise(clean + level * noise, float(level), prepared) for level in levels]

    @torch.no_grad()
    def per_sample() -> Tensor:
        own = levels[: len(clean)]
        return network.denoise(clean + own[:, None, None, None] * noise, own, prepared)

    return {
        "D": torch.stack(shared),
        "D_per_sample": per_sample,
        "c_skip": precondition.c_skip,
        "c_out": precondition.c_out,
        "c_in": precondition.c_in,
        "c_noise": precondition.c_noise,
    }


def resampled_convolutions(case: Case) -> Answers:
    """Each convolution of the configuration on the same input."""
    x = case.given()["x"]

    def answer(name: str, options: Options) -> Any:
        layer = ResampledConv(
            options["in_channels"],
            options["out_channels"],
            options["kernel"],
            _resample(options),
            options.get("resample_filter", [1, 1]),
            options.get("fused_resample", False),
            options.get("bias", True),
        )
        return _loaded(layer, case, name)(x)

    return _each(case.config["convs"], answer)


def normalisations(case: Case) -> Answers:
    """Each normalisation of the configuration, and the numbers of groups."""
    given, groups = case.given("x_"), []

    def answer(name: str, options: Options) -> Any:
        require_options(options, {"num_groups": 32, "min_channels_per_group": 4})
        norm = group_norm(options["num_channels"], options.get("eps", 1e-5))
        groups.append(norm.num_groups)
        return _loaded(norm, case, name)(given[name])

    return {**_each(case.config["norms"], answer), "groups": groups}


def embeddings(case: Case) -> Answers:
    """Vectors of waves, cosines first as published, and exchanged as the network takes them."""
    label = case.given()["c_noise"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, options in case.config["embeddings"].items():
        if options["type"] == "FourierEmbedding":
            frequencies = 2 * torch.pi * case.weights(f"{name}.")["freqs"]
        else:
            frequencies = positional_frequencies(options["num_channels"], options.get("endpoint", False))
        swapped = sinusoids(label, frequencies)
        answers |= {name: swapped.roll(len(frequencies), dims=1), f"{name}_swapped": swapped}
    return answers


def transforms(case: Case) -> Answers:
    """Each transform on its features, under conditions of another size."""
    given = case.given()

    def answer(name: str, options: Options) -> Any:
        state, features = case.weights(f"{name}."), given[f"f_{name}"]
        layer = SpatialFeatureTransform(options["nf"], options["n_condition"], state["mul_conv1.weight"].shape[0])
        load_module(layer, state, with_parameters(relevance_keys("", "")))
        seen = layer.condition_features(given["cond"], features.shape[-2], features.shape[-1])
        return layer(features, seen)

    return _each(case.config["layers"], answer)


def blocks(case: Case) -> Answers:
    """Each block of the configuration, of the encoder or the decoder, without dropout."""
    given = case.given()

    def answer(name: str, options: Options) -> Any:
        shape = BlockShape(
            options["emb_channels"],
            options.get("dropout", 0.0),
            tuple(options.get("resample_filter", (1, 1))),
            options.get("num_heads"),
            options.get("channels_per_head", 64),
            options.get("skip_scale", 1.0),
            options.get("resample_proj", False),
            options.get("adaptive_scale", True),
            options.get("eps", 1e-5),
        )
        common = options["in_channels"], options["out_channels"], shape, _resample(options)
        x = given[f"x_{options['in_channels']}"]
        if options["type"] == "UNetBlock":
            plain = EncoderBlock(*common, options.get("attention", False))
            return _loaded(plain, case, name).eval()(x, given["emb"])
        if shape.adaptive_scale:
            raise NotCoveredError("a decoder block whose embedding scales")
        conditions = Conditions(*(given[member] for member in ("lr", "ref", "mask")))
        widths = [one.shape[1] for one in (conditions.structure, conditions.texture)]
        block = DecoderBlock(*common, options.get("attention", False), *widths)
        return _loaded(block, case, name).eval()(x, given["emb"], conditions)

    return _each(case.config["blocks"], answer)


def _resample(options: Options) -> Resample | None:
    return "up" if options.get("up") else "down" if options.get("down") else None


def _loaded(module: nn.Module, case: Case, name: str) -> nn.Module:
    """A module with the weights under a name."""
    load_module(module, case.weights(f"{name}."), dict(part_keys(module)), UNUSED)
    return module


def _each(entries: Mapping[str, Options], answer: Callable[[str, Options], Any]) -> dict[str, npt.ArrayLike]:
    with torch.no_grad():
        return {name: answer(name, options) for name, options in entries.items()}
