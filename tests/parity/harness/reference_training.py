"""Answers for the training of RRSNet, RGTNet and their GANs: losses of both stages, and optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case
from harness.modules import step_runner_of
from harness.reference_networks import rgtnet_of, rrsnet_of, variant
from harness.run import Answers
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.discriminator import discriminator_options, import_discriminator
from refsr.interop.weights.rgtnet import rgtnet_keys, rgtnet_options
from refsr.interop.weights.rrsnet import rrsnet_keys, rrsnet_options
from refsr.networks.backbones import Features, features_of, vgg19_54
from refsr.tasks.base import IterationCache
from refsr.tasks.regression import Regression, reconstruction_losses
from refsr.tasks.twin_gan import TwinGAN

PIXEL_WEIGHTS = {"l_g_pix": "pixel_weight", "l_g_pix_grad": "gradient_pixel_weight"}
GAN_WEIGHTS = {
    "l_g_fea": "feature_weight",
    "l_g_gan": "gan_weight",
    "l_g_gan_grad": "gradient_gan_weight",
}
"""The generator's terms, and the options that weigh them."""

NETWORKS = {"feature_weight": "F", "gan_weight": "D", "gradient_gan_weight": "D_grad"}
"""Weights, and the network that their terms need."""

SMALL = {"which_model_G": "RRSNet", "nf": 4, "n_blocks": 0, "deformable_groups": 1}
"""Any generator: its image is given."""


def pixel_losses(case: Case) -> Answers:
    """The terms before weights, their weighted sum, and its gradient for the restored image."""
    given, train = case.given(), TrainOptions(niter=1, **case.config["train"])
    restored = given["fake"].requires_grad_()
    terms = reconstruction_losses(
        train.model_copy(update=dict.fromkeys(PIXEL_WEIGHTS.values(), 1.0)), restored, given["gt"]
    )
    total = torch.stack([getattr(train, PIXEL_WEIGHTS[name]) * term for name, term in terms.items()]).sum()
    answers = {name: term.detach().reshape(1) for name, term in {**terms, "l_g_total": total}.items()}
    return {**answers, **_slope(total, restored)}


def gan_losses(case: Case) -> Answers:
    """Terms for a fixed image before weights, one number for each step of the discriminators.

    A term whose network the state lacks is left out; one that the case asks for although its weight is zero counts in
    no sum. The published relativistic terms of discriminators are logged before they are halved.
    """
    given, weighed = case.given(), _weighed(case)
    weights = {**PIXEL_WEIGHTS, **GAN_WEIGHTS}
    unweighed = [weight for weight in weights.values() if not getattr(weighed, weight)]
    computed = [weight for weight in unweighed if weight not in NETWORKS or case.weights(f"{NETWORKS[weight]}.")]
    train = weighed.model_copy(update=dict.fromkeys(computed, 1.0))
    task = _twin_gan(case, train)
    columns: dict[str, list[float]] = {}
    answers: dict[str, npt.ArrayLike] = {}
    for number in range(len(case.config["steps"])):
        restored = given["fake"].clone().requires_grad_()
        terms = task.weighted_generator_losses(restored, given["gt"])
        counted = [term for name, term in terms.items() if weights[name] not in unweighed]
        total = torch.stack([*counted, 0 * restored.sum()]).sum()
        if number == 0:
            answers |= _slope(total, restored)
        found = {name: float(term.detach()) / getattr(train, weights[name]) for name, term in terms.items()}
        found["l_g_total"] = float(total.detach())
        for key in ("D", "D_grad"):
            if key in task.networks:
                found |= _discriminator_step(task, key, given["gt"], restored.detach())
        for name, value in found.items():
            columns.setdefault(name, []).append(value)
    return {**answers, **columns}


def _weighed(case: Case) -> TrainOptions:
    """The case's train section, without the terms whose network is missing."""
    train = TrainOptions(niter=max(case.config["steps"]), feature_network="random", **case.config["train"])
    missing = [weight for weight, network in NETWORKS.items() if not case.weights(f"{network}.")]
    return train.model_copy(update=dict.fromkeys(missing, 0.0))


def _twin_gan(case: Case, train: TrainOptions) -> TwinGAN:
    """The task with the case's discriminators and perceptual network."""
    states = {key: state for key in ("D", "D_grad") if (state := case.weights(f"{key}."))}
    shape = discriminator_options(next(iter(states.values()))) if states else {}
    task = TwinGAN(
        Options(
            name=case.name,
            model="RGTGAN_model",
            scale=4,
            datasets={},
            network_G=GeneratorOptions.model_validate(SMALL),
            network_D=DiscriminatorOptions(which_model_D="discriminator_vgg_128", **shape),
            train=train,
        )
    )
    for key, state in states.items():
        network, conversion = import_discriminator(state)
        conversion.require_complete(case.name)
        task.networks[key].load_state_dict(network.state_dict())
    if train.feature_weight:
        task.use_feature_network(perceptual_network(case.weights("F.")))
    return task


def _discriminator_step(task: TwinGAN, key: str, target: Tensor, restored: Tensor) -> dict[str, float]:
    """A discriminator's terms and mean scores; then it takes its step."""
    cache, optimiser = IterationCache(), task.optimisers[key]
    terms = task.weighted_discriminator_losses(key, task.networks[key], target, restored, cache)
    optimiser.zero_grad()
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    optimiser.step()
    whole = 2 if task.train.gan_type == "ragan" else 1
    return {name: whole * float(term.detach()) for name, term in terms.items()} | {
        name: float(value) for name, value in cache.statistics.items()
    }


def _slope(total: Tensor, restored: Tensor) -> dict[str, Tensor]:
    """The gradient of a loss for the restored image."""
    (slope,) = torch.autograd.grad(total, restored)
    return {"grad_fake_scaled": slope[:, :, 8:40, 8:40] * restored.numel() ** 0.5, "grad_fake_l2": slope.norm()}


def perceptual_network(tensors: dict[str, Tensor]) -> Features:
    """VGG19 up to conv5_4 with these tensors under torchvision's keys."""
    backbone = vgg19_54()
    backbone.load_features(features_of(tensors))
    return Features(backbone)


def vgg_features(case: Case) -> Answers:
    """Each module's features of its image."""
    answers: dict[str, npt.ArrayLike] = {}
    for name in case.config["modules"]:
        network = perceptual_network(case.weights(f"{name}.") or case.weights())
        with torch.no_grad():
            answers[name] = network(case.given(f"{name}_")["x"])
    return answers


def rrsnet_steps(case: Case) -> Answers:
    """RRSNet's first steps."""
    options = rrsnet_options(case.weights())
    return _steps(case, rrsnet_of(case), "RRSNet", options, rrsnet_keys(options["n_blocks"]))


def rgtnet_steps(case: Case) -> Answers:
    """RGTNet's first steps."""
    options = rgtnet_options(case.weights(), variant(case))
    keys = rgtnet_keys(options["n_blocks"], options["gtem_blocks"], options["offsets"])
    return _steps(case, rgtnet_of(case), "RGTNet", options, keys)


def _steps(case: Case, start: nn.Module, name: str, keywords: Mapping[str, Any], keys: Mapping[str, str]) -> Answers:
    """The trainer's first steps on one batch: losses, gradient norms at the first step, how far each parameter went."""
    config = case.config
    task = Regression(
        Options(
            name=case.name,
            model=f"{name}_model",
            scale=keywords["scale"],
            datasets={},
            network_G=GeneratorOptions(which_model_G=name, **keywords),
            train=TrainOptions(**{"niter": config["steps"], **config["train"]}),
        )
    )
    task.networks["G"].load_state_dict(start.state_dict())
    step_runner = step_runner_of(task)
    members = {"LQ": "lr", "LQ_UX4": "lr_up", "Ref": "ref", "Ref_DUX4": "ref_down", "GT": "hr"}
    batch: dict[str, Any] = {members[name]: one for name, one in case.given().items()}
    batch["name"] = [case.name] * len(batch["lr"])
    ours = {theirs: mine for mine, theirs in keys.items()}
    parameters, before = dict(task.networks["G"].named_parameters()), dict(start.named_parameters())
    columns: dict[str, list[float]] = {}
    answers: dict[str, npt.ArrayLike] = {}
    for step in range(1, config["steps"] + 1):
        terms = {name: float(term) for name, term in step_runner.step(step, batch).losses.items()}
        found = {"loss": sum(terms.values()), "loss_pix": terms.get("l_g_pix"), "loss_grad": terms.get("l_g_pix_grad")}
        for label, value in found.items():
            columns.setdefault(label, []).append(0.0 if value is None else value)
        if step == 1:
            slopes = [parameters[ours[key]].grad for key in config.get("grad_keys", ())]
            norms = [slope.norm() for slope in slopes if slope is not None]
            answers |= {"grad_log10": torch.stack(norms).log10()} if norms else {}
        moved = [(parameters[ours[key]] - before[ours[key]]).detach() for key in config.get("delta_keys", ())]
        answers[f"delta_{step}"] = [float(one.norm()) / (task.train.lr_G * one.numel() ** 0.5) for one in moved]
    return {**answers, **columns}
