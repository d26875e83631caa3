"""Answers the parity case of the Fourier convolutions that TSFNet's release carries beside its network."""

from __future__ import annotations

import numpy.typing as npt
import torch
from torch import nn

from harness.case import Case
from harness.networks import part
from harness.run import Answers
from refsr.networks.tsfnet.fourier import FourierUnit, SpectralHourglass, SpectralTransform, TwoBranches

WORDS = {
    "conv_layer": "mix",
    "bn": "norm",
    "conv0": "enter",
    "conv1": "enter",
    "conv2": "leave",
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
    """All four operators in evaluation mode."""
    unit, transform, branches, hourglass = (case.config[name] for name in ("unit", "spectral", "ffc", "shu"))
    modules: dict[str, nn.Module] = {
        "unit": FourierUnit(unit["in_channels"], unit["out_channels"]),
        "spectral": SpectralTransform(
            transform["in_channels"], transform["out_channels"], transform.get("stride", 1), transform["enable_lfu"]
        ),
        "ffc": TwoBranches(
            branches["in_channels"], branches["out_channels"], branches["kernel_size"], branches["enable_lfu"]
        ),
        "shu": SpectralHourglass(hourglass["in_channels"], hourglass["out_channels"]),
    }
    for name, module in modules.items():
        state = {_ours(key): tensor for key, tensor in part(case.state(), f"{name}.").items()}
        module.load_state_dict(state, strict=True)
        module.eval()
    answers: dict[str, npt.ArrayLike] = {}
    with torch.no_grad():
        for label, given in part(case.inputs(), "").items():
            answers |= {f"{name}_{label}": modules[name](given) for name in ("unit", "spectral", "shu")}
            near, far = modules["ffc"](*given.chunk(2, dim=1))
            answers |= {f"ffc_local_{label}": near, f"ffc_global_{label}": far}
    return answers


def _ours(key: str) -> str:
    """Our key for a published one; the hourglass's filter is a parameter, not a module's."""
    if key == "df1.weight":
        return "mixes"
    return ".".join(WORDS.get(word, word) for word in key.removeprefix("ffc.").split("."))
