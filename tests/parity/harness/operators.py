"""Answers for operators and deformable modules: outputs, and gradients of sum(output * cotangent)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.run import Answers
from refsr.networks.blocks.dcn import DCNv2, DCNv3, DCNv3FromFeature
from refsr.ops import dcnv3, gradient_magnitude

MODULES: dict[str, type[nn.Module]] = {"DCNv3Modified": DCNv3FromFeature, "DCNv3Standard": DCNv3, "DCNv2": DCNv2}


def dcnv3_operator(case: Case) -> Answers:
    """The bare DCNv3 operator under each of the settings in config.ops."""
    answers: dict[str, npt.ArrayLike] = {}
    for name, options in case.config["ops"].items():
        inputs = {key: one.numpy() for key, one in case.given(f"{name}_").items()}
        # Away from whole pixels, where bilinear sampling has a kink.
        inputs["offset"] = ((np.floor(16 * inputs["offset"]) + 0.5) / 16).astype(np.float32)
        given = {key: torch.from_numpy(inputs[key]).requires_grad_() for key in ("x", "offset", "mask")}
        output = dcnv3(
            given["x"],
            given["offset"],
            given["mask"],
            kernel=options.get("kernel", 3),
            stride=options.get("stride", 1),
            padding=options.get("pad", 1),
            dilation=options.get("dilation", 1),
            groups=options["group"],
            offset_scale=options.get("offset_scale", 1.0),
            remove_center=options.get("remove_center", False),
        )
        answers |= _with_gradients(name, output, torch.from_numpy(inputs["cot"]), given)
    return answers


def deformable_modules(case: Case) -> Answers:
    """Each module of config.modules with its published weights."""
    answers: dict[str, npt.ArrayLike] = {}
    for name, entry in case.config["modules"].items():
        inputs, weights, options = case.given(f"{name}_"), case.weights(f"{name}."), dict(entry["args"])
        if entry["module"] not in MODULES:
            raise NotCoveredError(f"no module {entry['module']!r}")
        # The published DCNv2 takes its offsets from a second feature only with this switch.
        alone = not options.pop("extra_offset_mask", True)
        module = MODULES[entry["module"]](**options)
        module.load_state_dict(weights, strict=True)
        names = [key for key in ("x", "feat") if key in inputs]
        given: dict[str, Tensor] = {key: inputs[key].requires_grad_() for key in names}
        output = module(given["x"], given["x"]) if alone else module(*given.values())
        parameters = dict(module.named_parameters())
        answers |= _with_gradients(name, output, inputs["cot"], given, [parameters[key] for key in weights])
    return answers


def gradient_maps(case: Case) -> Answers:
    """Gradient maps under both published padding rules, with the gradient of sum(y^2) + sum(y)."""
    eps = case.config.get("eps", 1e-6)
    answers: dict[str, npt.ArrayLike] = {}
    for name, image in case.given().items():
        answers[f"{name}_net"] = gradient_magnitude(image, "same", eps)
        image.requires_grad_()
        for label, padding in (("pad1", "same"), ("pad2", "full")):
            gradients = gradient_magnitude(image, padding, eps)  # type: ignore[arg-type]
            (grad,) = torch.autograd.grad((gradients * gradients).sum() + gradients.sum(), image)
            answers |= {f"{name}_{label}": gradients.detach(), f"{name}_{label}_grad": grad}
    return answers


def _with_gradients(
    name: str, output: Tensor, cotangent: Tensor, given: Mapping[str, Tensor], parameters: Sequence[Tensor] = ()
) -> dict[str, npt.ArrayLike]:
    """The output, the gradient for each input, and the norms of the parameters' gradients."""
    gradients = torch.autograd.grad((output * cotangent).sum(), [*given.values(), *parameters])
    answers: dict[str, npt.ArrayLike] = {f"{name}_y": output.detach()}
    answers |= {f"{name}_grad_{key}": gradient for key, gradient in zip(given, gradients, strict=False)}
    if parameters:
        answers[f"{name}_grad_param_norm"] = torch.stack([grad.double().norm() for grad in gradients[len(given) :]])
    return answers
