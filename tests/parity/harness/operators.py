"""Answers the parity cases of operators and deformable layers: outputs, and gradients of sum(output * cotangent)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.run import Answers
from refsr.networks.blocks.dcnv2 import DCNv2
from refsr.networks.blocks.dcnv3 import DCNv3, DCNv3FromFeature
from refsr.ops import dcnv3, gradient_magnitude

LAYERS: dict[str, type[nn.Module]] = {"DCNv3Modified": DCNv3FromFeature, "DCNv3Standard": DCNv3, "DCNv2": DCNv2}


def sampling(case: Case) -> Answers:
    """The bare DCNv3 operator under each of the configuration's settings."""
    inputs = case.inputs()
    answers: dict[str, npt.ArrayLike] = {}
    for name, options in case.config["ops"].items():
        # Away from whole pixels, where bilinear sampling has a kink.
        offset = ((np.floor(16 * inputs[f"{name}_offset"]) + 0.5) / 16).astype(np.float32)
        arrays: dict[str, npt.NDArray[np.float32]] = {
            "x": inputs[f"{name}_x"],
            "offset": offset,
            "mask": inputs[f"{name}_mask"],
        }
        given = {key: torch.from_numpy(array).requires_grad_() for key, array in arrays.items()}
        output = dcnv3(
            given["x"],
            given["offset"],
            given["mask"],
            kernel=options["kernel"],
            stride=options["stride"],
            padding=options["pad"],
            dilation=options["dilation"],
            groups=options["group"],
            offset_scale=options["offset_scale"],
            remove_center=options.get("remove_center", False),
        )
        answers |= _results(name, output, inputs[f"{name}_cot"], given, [])
    return answers


def layers(case: Case) -> Answers:
    """Each layer of the configuration with its published weights."""
    inputs, state = case.inputs(), case.state()
    answers: dict[str, npt.ArrayLike] = {}
    for name, entry in case.config["modules"].items():
        weights = {key[len(name) + 1 :]: torch.from_numpy(state[key]) for key in state if key.startswith(f"{name}.")}
        layer = _layer(entry["module"], entry["args"])
        layer.load_state_dict(weights, strict=True)
        given = {
            key: torch.from_numpy(inputs[f"{name}_{key}"]).requires_grad_()
            for key in ("x", "feat")
            if f"{name}_{key}" in inputs
        }
        parameters = dict(layer.named_parameters())
        in_order = [parameters[key] for key in weights]
        answers |= _results(name, layer(*given.values()), inputs[f"{name}_cot"], given, in_order)
    return answers


def gradient_maps(case: Case) -> Answers:
    """Gradient maps under both published padding rules, with the gradient of sum(y^2) + sum(y)."""
    eps = case.config["eps"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, array in case.inputs().items():
        answers[f"{name}_net"] = gradient_magnitude(torch.from_numpy(array), "same", eps)
        for label, padding in (("pad1", "same"), ("pad2", "full")):
            image = torch.from_numpy(array).requires_grad_()
            gradients = gradient_magnitude(image, padding, eps)  # type: ignore[arg-type]
            (grad,) = torch.autograd.grad((gradients * gradients).sum() + gradients.sum(), image)
            answers |= {f"{name}_{label}": gradients.detach(), f"{name}_{label}_grad": grad}
    return answers


def _layer(kind: str, options: Mapping[str, object]) -> nn.Module:
    if kind not in LAYERS:
        raise NotCoveredError(f"no layer {kind!r}")
    # The published DCNv2 takes its offsets from a second feature only with this switch, which all of RRSNet sets.
    if not options.get("extra_offset_mask", True):
        raise NotCoveredError(f"{kind} without a second feature")
    return LAYERS[kind](**{key: value for key, value in options.items() if key != "extra_offset_mask"})


def _results(
    name: str,
    output: Tensor,
    cotangent: npt.NDArray[np.float32],
    given: Mapping[str, Tensor],
    parameters: Sequence[Tensor],
) -> dict[str, npt.ArrayLike]:
    wanted = [*given.values(), *parameters]
    gradients = torch.autograd.grad((output * torch.from_numpy(cotangent)).sum(), wanted)
    answers: dict[str, npt.ArrayLike] = {f"{name}_y": output.detach()}
    answers |= {f"{name}_grad_{key}": gradient for key, gradient in zip(given, gradients, strict=False)}
    if parameters:
        answers[f"{name}_grad_param_norm"] = torch.stack([grad.double().norm() for grad in gradients[len(given) :]])
    return answers
