"""Answers the parity cases of Ref-Diff's denoiser, of its parts and of its preconditioning."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from harness.case import Case, NotCoveredError
from harness.networks import load_module, part
from harness.run import Answers
from refsr.interop.weights.conversion import convert
from refsr.interop.weights.refdiff import DEAD, part_keys, refdiff_keys
from refsr.interop.weights.rrsnet import relevance_keys, with_parameters
from refsr.networks.blocks.denoising_blocks import BlockShape, Conditions, DecoderBlock, EncoderBlock, group_norm
from refsr.networks.blocks.modulation import SpatialTransform
from refsr.networks.blocks.noise_embedding import positional_frequencies, waves
from refsr.networks.blocks.resampled_conv import Resample, ResampledConv
from refsr.networks.refdiff import Coefficients, RefDiff

Options = Mapping[str, Any]


def denoiser(case: Case) -> RefDiff:
    """The denoiser with the case's options and weights."""
    network = RefDiff(**denoiser_options(case))
    published = {key: torch.from_numpy(array) for key, array in case.state().items()}
    done = convert(published, network, refdiff_keys(network), DEAD)
    done.require_complete(case.name)
    network.load_state_dict(done.weights)
    return network.eval()


def denoiser_options(case: Case) -> dict[str, Any]:
    """The constructor's keywords of the case's denoiser."""
    given = dict(case.config["network"])
    known = inspect.signature(RefDiff).parameters
    ignored = {"img_channels", "label_dim", "model_type", "eff_attn"}
    strange = [key for key in given if key not in known and key not in ignored]
    if strange or given.get("model_type", "SongUNet") != "SongUNet" or given.get("label_dim", 0):
        raise NotCoveredError(f"a denoiser with {strange or given}")
    options = {key: value for key, value in given.items() if key in known}
    return {"scale": 1, "channels": given.get("img_channels", 3), **options}


def given_conditions(network: RefDiff, inputs: Mapping[str, npt.NDArray[Any]]) -> Conditions:
    """The case's conditions, whose LR has the size of HR already."""
    return network.conditions(*(torch.from_numpy(inputs[name]) for name in ("lr", "ref", "mask")))


def whole_denoiser(case: Case) -> Answers:
    """The network's output before preconditioning, the embedding, and features on the way."""
    network, inputs = denoiser(case), case.inputs()
    first = next(iter(network.unet.decoder.values()))
    seen: dict[str, Any] = {}
    first.register_forward_hook(lambda module, given, output: seen.update(encoder_last=given[0], decoder_first=output))
    network.unet.embedding.register_forward_hook(lambda module, given, output: seen.update(emb=output))
    with torch.no_grad():
        prepared = network.unet.prepare(given_conditions(network, inputs))
        seen["F"] = network.unet(torch.from_numpy(inputs["x"]), torch.from_numpy(inputs["c_noise"]), prepared)
    return seen


def preconditioning(case: Case) -> Answers:
    """D at each noise level, shared by the batch and one a sample, and the coefficients."""
    network, inputs = denoiser(case), case.inputs()
    clean, noise = (torch.from_numpy(inputs[name]) for name in ("clean", "noise"))
    levels = torch.tensor(case.config["sigmas"])
    of = Coefficients(levels, network.sigma_data)
    with torch.no_grad():
        prepared = network.unet.prepare(given_conditions(network, inputs))
        shared = [network.denoise(clean + level * noise, float(level), prepared) for level in levels]
        each = levels[: len(clean)]
        own = network.denoise(clean + each[:, None, None, None] * noise, each, prepared)
    return {
        "D": torch.stack(shared),
        "D_per_sample": own,
        "c_skip": of.skip,
        "c_out": of.out,
        "c_in": of.into,
        "c_noise": of.label,
    }


def resampled_convolutions(case: Case) -> Answers:
    """Each convolution of the configuration on the same input."""
    x = torch.from_numpy(case.inputs()["x"])

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
    inputs, groups = case.inputs(), []

    def answer(name: str, options: Options) -> Any:
        norm = group_norm(options["num_channels"], options["eps"])
        groups.append(norm.num_groups)
        return _loaded(norm, case, name)(torch.from_numpy(inputs[f"x_{name}"]))

    return {**_each(case.config["norms"], answer), "groups": groups}


def embeddings(case: Case) -> Answers:
    """Vectors of waves, cosines first as published, and exchanged as the network takes them."""
    label, state = torch.from_numpy(case.inputs()["c_noise"]), case.state()
    answers: dict[str, npt.ArrayLike] = {}
    for name, options in case.config["embeddings"].items():
        if options["type"] == "FourierEmbedding":
            frequencies = 2 * torch.pi * torch.from_numpy(state[f"{name}.freqs"])
        else:
            frequencies = positional_frequencies(options["num_channels"], options.get("endpoint", False))
        swapped = waves(label, frequencies)
        answers |= {name: swapped.roll(len(frequencies), dims=1), f"{name}_swapped": swapped}
    return answers


def transforms(case: Case) -> Answers:
    """Each transform on its features, under conditions of another size."""
    inputs = case.inputs()

    def answer(name: str, options: Options) -> Any:
        hidden = dict(case.meta["state"])[f"{name}.mul_conv1.weight"][0]
        layer = SpatialTransform(options["nf"], options["n_condition"], hidden)
        published = part(case.state(), f"{name}.")
        load_module(layer, published, with_parameters(relevance_keys("", "")))
        features = torch.from_numpy(inputs[f"f_{name}"])
        seen = layer.look(torch.from_numpy(inputs["cond"]), features.shape[-2], features.shape[-1])
        return layer(features, seen)

    return _each(case.config["layers"], answer)


def blocks(case: Case) -> Answers:
    """Each block of the configuration, of the encoder or the decoder, without dropout."""
    inputs = case.inputs()
    embedding = torch.from_numpy(inputs["emb"])

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
        x = torch.from_numpy(inputs[f"x_{options['in_channels']}"])
        if options["type"] == "UNetBlock":
            plain = EncoderBlock(*common, options.get("attention", False))
            return _loaded(plain, case, name).eval()(x, embedding)
        if shape.adaptive_scale:
            raise NotCoveredError("a decoder block whose embedding scales")
        conditions = Conditions(*(torch.from_numpy(inputs[member]) for member in ("lr", "ref", "mask")))
        widths = [one.shape[1] for one in (conditions.structure, conditions.texture)]
        block = DecoderBlock(*common, options.get("attention", False), *widths)
        return _loaded(block, case, name).eval()(x, embedding, conditions)

    return _each(case.config["blocks"], answer)


def _resample(options: Options) -> Resample | None:
    return "up" if options.get("up") else "down" if options.get("down") else None


def _loaded(module: nn.Module, case: Case, name: str) -> nn.Module:
    """A module with the weights under a name."""
    load_module(module, part(case.state(), f"{name}."), dict(part_keys(module)), DEAD)
    return module


def _each(entries: Mapping[str, Options], answer: Callable[[str, Options], Any]) -> dict[str, npt.ArrayLike]:
    with torch.no_grad():
        return {name: answer(name, options) for name, options in entries.items()}
