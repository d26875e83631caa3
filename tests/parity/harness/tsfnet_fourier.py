"""Answers for the Fourier convolutions that TSFNet's release carries beside its network."""

from __future__ import annotations

from collections.abc import Callable

import numpy.typing as npt
import torch
from torch import nn

from harness.case import Case
from harness.modules import Options, require_options
from harness.run import Answers
from refsr.networks.tsfnet.fourier import FastFourierConv, FourierUnit, SpectralHourglass, SpectralTransform

WORDS = {
    "conv_layer": "mix",
    "bn": "norm",
    "conv0": "conv_in",
    "conv1": "conv_in",
    "conv2": "conv_out",
    "fu": "whole",
    "lfu": "local",
    "convl2l": "local_to_local",
    "convl2g": "local_to_global",
    "convg2l": "global_to_local",
    "convg2g": "global_to_global",
    "bn_l": "local_norm",
    "bn_g": "global_norm",
}
"""Published words of keys and ours."""


def fourier_convolutions(case: Case) -> Answers:
    """The operators of the configuration, in evaluation mode."""
    modules = {name: module for name in BUILDERS if (module := _built(case, name)) is not None}
    answers: dict[str, npt.ArrayLike] = {}
    with torch.no_grad():
        for label, given in case.given().items():
            for name, module in modules.items():
                if name == "ffc":
                    local, everywhere = module(*given.chunk(2, dim=1))
                    answers |= {f"ffc_local_{label}": local, f"ffc_global_{label}": everywhere}
                else:
                    answers[f"{name}_{label}"] = module(given)
    return answers


def _built(case: Case, name: str) -> nn.Module | None:
    """One of the operators with its weights, where the case has it."""
    options = case.config.get(name)
    if options is None:
        return None
    module = BUILDERS[name](options)
    module.load_state_dict({_ours(key): tensor for key, tensor in case.weights(f"{name}.").items()}, strict=True)
    return module.eval()


def _two_branches(options: Options) -> nn.Module:
    wanted = {"ratio_gin": 0.5, "ratio_gout": 0.5, "padding": options["kernel_size"] // 2, "padding_type": "reflect"}
    require_options(options, wanted)
    return FastFourierConv(
        options["in_channels"], options["out_channels"], options["kernel_size"], options.get("enable_lfu", True)
    )


BUILDERS: dict[str, Callable[[Options], nn.Module]] = {
    "unit": lambda options: FourierUnit(options["in_channels"], options["out_channels"]),
    "spectral": lambda options: SpectralTransform(
        options["in_channels"], options["out_channels"], options.get("stride", 1), options.get("enable_lfu", True)
    ),
    "ffc": _two_branches,
    "shu": lambda options: SpectralHourglass(options["in_channels"], options["out_channels"]),
}
"""A case's name of an operator, and what makes it."""


def _ours(key: str) -> str:
    """Our key for a published one; the hourglass's filter is a parameter, not a module's."""
    if key == "df1.weight":
        return "mixes"
    return ".".join(WORDS.get(word, word) for word in key.removeprefix("ffc.").split("."))
