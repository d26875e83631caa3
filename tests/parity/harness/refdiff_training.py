"""Answers for Ref-Diff's training: the loss, the averaged copy, optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from harness.case import Case
from harness.modules import step_runner_of
from harness.refdiff_networks import denoiser_of, denoiser_options, prepared_conditions
from harness.run import Answers
from harness.schedules import KIMG, averaging
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.refdiff import refdiff_keys
from refsr.losses.diffusion import denoising_errors, sigma_weight, training_sigma
from refsr.tasks.base import Batch
from refsr.tasks.diffusion.task import Diffusion
from refsr.training.ema import ema_copy, ema_decay


def losses(case: Case) -> Answers:
    """The weighted errors of given draws, and what is differentiated."""
    network, given, config = denoiser_of(case), case.given(), case.config
    clean, noise = given["images"], given["eps"]
    sigma_data = config["loss"].get("sigma_data", 0.5)
    sigma = training_sigma(given["rnd_normal"].flatten(), *_levels(config))
    noisy = clean + sigma[:, None, None, None] * noise
    with torch.no_grad():
        denoised = network.denoise(noisy, sigma, prepared_conditions(network, given))
        errors = denoising_errors(denoised, clean, sigma, sigma_data)
    total = errors.double().sum() * config.get("loss_scaling", 1.0) / _divisor(clean)
    return {
        "loss": errors,
        "loss_scalar": total.reshape(1),
        "sigma": sigma,
        "weight": sigma_weight(sigma, sigma_data),
        "noisy": noisy,
    }


def averages(case: Case) -> Answers:
    """The average of weights that drift."""
    weights, config = case.given()["weights"], case.config
    network = nn.Linear(weights.shape[1], 1, bias=False)
    average = _averaged_since(network, averaging(config), config)
    (kept,), rows = average.module.parameters(), []
    kept.data.copy_(weights[0])
    for row in weights[1:]:
        network.weight.data.copy_(row)
        average.update_parameters(network)
        rows.append(kept.detach().flatten().clone())
    return {"ema": torch.stack(rows)}


def _averaged_since(network: nn.Module, train: TrainOptions, config: Mapping[str, Any]) -> AveragedModel:
    """The averaged copy as it is after the images that the case begins with, which may be no whole number of steps."""
    average = ema_copy(network, train, config["batch_size"])
    assert average is not None
    average.n_averaged = torch.tensor(config.get("start_nimg", 0) / config["batch_size"], dtype=torch.float64)
    return average


class GivenDraws(Diffusion):
    """The task with its draws handed in."""

    def draws(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return batch["levels"].flatten(), batch["noise"]


def steps(case: Case) -> Answers:
    """The trainer's own steps and averages: what was minimised, rates, decays, gradients, and where weights came to."""
    config = case.config
    start, batch_size, inputs = denoiser_of(case), config["batch_size"], case.given()
    first, optimiser = config.get("start_nimg", 0) / batch_size, config["optimizer"]
    beta1, beta2 = optimiser.get("betas", (0.9, 0.999))
    keywords = {key: list(one) if isinstance(one, tuple) else one for key, one in denoiser_options(case).items()}
    train = averaging(
        config,
        lr_G=optimiser["lr"],
        beta1_G=beta1,
        beta2_G=beta2,
        epsilon=optimiser.get("eps", 1e-8),
        lr_ramp_images=max(config["lr_rampup_kimg"] * KIMG, 1e-8),
        P_mean=_levels(config)[0],
        P_std=_levels(config)[1],
        # Ours is the mean over the batch, published the sum.
        loss_divisor=_divisor(inputs["images"]) / config.get("loss_scaling", 1.0) / inputs["images"].shape[1],
    )
    task = GivenDraws(
        Options(
            name=case.name,
            model="RefDiff_model",
            scale=1,
            datasets={},
            network_G=GeneratorOptions(which_model_G="RefDiff", **keywords),
            train=train,
        )
    )
    network = task.networks["G"]
    network.load_state_dict(start.state_dict())
    average = _averaged_since(network, train, config)
    step_runner = step_runner_of(task, batch_size)
    ours = {theirs: mine for mine, theirs in refdiff_keys(start).items()}
    parameters = dict(network.named_parameters())
    found: dict[str, list[float]] = {"losses": [], "lr": [], "ema_beta": []}
    answers: dict[str, npt.ArrayLike] = {}
    for number in range(config["steps"]):
        result = step_runner.step(first + number + 1, _batch(inputs, number))
        found["losses"].append(float(result.losses["l_g_denoise"]))
        found["lr"].append(step_runner.learning_rates(first + number + 1)["G"])
        found["ema_beta"].append(ema_decay(train, float(average.n_averaged) * batch_size, batch_size))
        if number == 0:
            answers |= {f"grad:{key}": _gradient(parameters[ours[key]]) for key in config["report"]}
        average.update_parameters(network)
    kept = average.module.state_dict()
    for key in config["report"]:
        answers |= {f"param:{key}": parameters[ours[key]].detach(), f"ema:{key}": kept[ours[key]]}
    return answers | found


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.clone()


def _batch(inputs: Mapping[str, Tensor], number: int) -> dict[str, Any]:
    """The case's images of a step in [0, 1], as tasks get them."""
    unit = {ours: (inputs[theirs][number] + 1) / 2 for ours, theirs in (("hr", "images"), ("lr", "lr"), ("ref", "ref"))}
    draws = {"levels": inputs["rnd_normal"][number], "noise": inputs["eps"][number]}
    return {**unit, "mask": inputs["mask"][number], **draws, "name": [""] * len(unit["hr"])}


def _levels(config: Mapping[str, Any]) -> tuple[float, float]:
    return config["loss"].get("P_mean", -1.2), config["loss"].get("P_std", 1.2)


def _divisor(images: Tensor) -> float:
    return 32 if images.shape[-1] == 64 else 256
