"""Answers the parity cases of the GAN stage: every term of both sides, while the judges take their steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt
import torch
from torch import Tensor

from harness.case import Case
from harness.perceptual import perceptual_network
from harness.run import Answers
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.discriminator import import_discriminator
from refsr.tasks.base import Memory
from refsr.tasks.twin_gan import TwinGAN

SMALL = {"which_model_G": "RRSNet", "nf": 4, "n_blocks": 0, "deformable_groups": 1}
"""The image is given, so nothing is asked of the generator."""

WEIGHTS = {
    "l_g_pix": "pixel_weight",
    "l_g_pix_grad": "gradient_pixel_weight",
    "l_g_fea": "feature_weight",
    "l_g_gan": "gan_weight",
    "l_g_gan_grad": "gradient_gan_weight",
}


def gan_stage_losses(case: Case) -> Answers:
    """Terms for a fixed image, step by step; the published relativistic terms of judges are logged before they are
    halved."""
    train = TrainOptions(niter=max(case.config["steps"]), feature_network="random", **case.config["train"])
    options = Options(
        name=case.name,
        model="RGTGAN_model",
        scale=4,
        datasets={},
        network_G=GeneratorOptions.model_validate(SMALL),
        network_D=DiscriminatorOptions(which_model_D="discriminator_vgg_128"),
        train=train,
    )
    state = {key: torch.from_numpy(array) for key, array in case.state().items()}
    task = TwinGAN(options)
    for key in ("D", "D_grad"):
        network, done = import_discriminator(_below(state, key))
        done.require_complete(case.name)
        task.networks[key].load_state_dict(network.state_dict())
    task.look_with(perceptual_network(_below(state, "F")))
    inputs = case.inputs()
    target = torch.from_numpy(inputs["gt"])
    columns: dict[str, list[float]] = {}
    answers: dict[str, npt.ArrayLike] = {}
    for number in range(len(case.config["steps"])):
        restored = torch.from_numpy(inputs["fake"]).requires_grad_()
        terms = task.generator_losses(restored, target)
        total = torch.stack(list(terms.values())).sum()
        if number == 0:
            (slope,) = torch.autograd.grad(total, restored)
            answers["grad_fake_scaled"] = slope[:, :, 8:40, 8:40] * restored.numel() ** 0.5
            answers["grad_fake_l2"] = slope.norm()
        found = {name: float(term.detach()) / getattr(train, WEIGHTS[name]) for name, term in terms.items()}
        found["l_g_total"] = float(total.detach())
        for key in ("D", "D_grad"):
            found |= _scored(task, key, target, restored.detach())
        for name, value in found.items():
            columns.setdefault(name, []).append(value)
    return {**answers, **columns}


def _scored(task: TwinGAN, key: str, target: Tensor, restored: Tensor) -> dict[str, float]:
    """A judge's terms and mean scores, and its step."""
    memory, optimiser = Memory(), task.optimisers[key]
    terms = task.discriminator_losses(key, task.networks[key], target, restored, memory)
    optimiser.zero_grad()
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    optimiser.step()
    whole = 2 if task.train.gan_type == "ragan" else 1
    return {name: whole * float(term.detach()) for name, term in terms.items()} | {
        name: float(value) for name, value in memory.shown.items()
    }


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{prefix}."): one for key, one in state.items() if key.startswith(f"{prefix}.")}
