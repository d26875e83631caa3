"""Answers the parity cases of how Ref-Diff learns: loss, ramps, averages, optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case
from harness.denoisers import denoiser, denoiser_options, given_conditions
from harness.run import Answers
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.refdiff import refdiff_keys
from refsr.losses.diffusion import denoising_errors, level_weight, noise_level
from refsr.runs.process_group import ALONE
from refsr.tasks.base import Batch
from refsr.tasks.diffusion.task import Diffusion
from refsr.training.ema import averaged, decay
from refsr.training.precision import Precision
from refsr.training.schedules import Schedule
from refsr.training.stepping import Stepper

KIMG = 1000


def losses(case: Case) -> Answers:
    """The weighted errors of given draws, and what is differentiated."""
    network, inputs, config = denoiser(case), case.inputs(), case.config
    clean, noise = (torch.from_numpy(inputs[name]) for name in ("images", "eps"))
    sigma = noise_level(torch.from_numpy(inputs["rnd_normal"]).flatten(), *_levels(config))
    noisy = clean + sigma[:, None, None, None] * noise
    with torch.no_grad():
        prepared = network.unet.prepare(given_conditions(network, inputs))
        errors = denoising_errors(network.denoise(noisy, sigma, prepared), clean, sigma, config["loss"]["sigma_data"])
    total = errors.double().sum() * config["loss_scaling"] / _divisor(clean)
    return {
        "loss": errors,
        "loss_scalar": total.reshape(1),
        "sigma": sigma,
        "weight": level_weight(sigma, config["loss"]["sigma_data"]),
        "noisy": noisy,
    }


def ramps(case: Case) -> Answers:
    """Learning rates and decays after so many images."""
    seen = case.config["cur_nimg"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, of in case.config["lr"].items():
        schedule = Schedule("constant", 1, ramp_images=max(of["lr_rampup_kimg"] * KIMG, 1e-8))
        answers[f"lr_{name}"] = [schedule.lr(images + 1, of["lr"]) for images in seen]
    for name, of in case.config["ema"].items():
        answers[f"beta_{name}"] = [decay(_averaging(of), images, of["batch_size"]) for images in seen]
    return answers


def averages(case: Case) -> Answers:
    """The average of weights that drift."""
    weights, config = torch.from_numpy(case.inputs()["weights"]), case.config
    network = nn.Linear(weights.shape[1], 1, bias=False)
    average = averaged(network, _averaging(config), config["batch_size"])
    assert average is not None
    # It has been averaging for as many images as the case begins with.
    average.n_averaged.fill_(config["start_nimg"] // config["batch_size"])
    (kept,), rows = average.module.parameters(), []
    kept.data.copy_(weights[0])
    for row in weights[1:]:
        network.weight.data.copy_(row)
        average.update_parameters(network)
        rows.append(kept.detach().flatten().clone())
    return {"ema": torch.stack(rows)}


class GivenDraws(Diffusion):
    """The task with its draws handed in."""

    def draws(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return batch["levels"].flatten(), batch["noise"]


def steps(case: Case) -> Answers:
    """The trainer's own steps and averages: what was minimised, rates, decays, gradients, and where weights came to."""
    config = case.config
    start, batch_size, first = denoiser(case), config["batch_size"], config["start_nimg"] // config["batch_size"]
    inputs = {name: torch.from_numpy(array) for name, array in case.inputs().items()}
    optimiser = config["optimizer"]
    keywords = {key: list(one) if isinstance(one, tuple) else one for key, one in denoiser_options(case).items()}
    train = _averaging(
        config,
        lr_G=optimiser["lr"],
        beta1_G=optimiser["betas"][0],
        beta2_G=optimiser["betas"][1],
        epsilon=optimiser["eps"],
        lr_ramp_images=config["lr_rampup_kimg"] * KIMG,
        P_mean=_levels(config)[0],
        P_std=_levels(config)[1],
        # Ours is the mean over the batch, published the sum.
        loss_divisor=_divisor(inputs["images"]) / config["loss_scaling"] / batch_size,
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
    average = averaged(network, train, batch_size)
    assert average is not None
    average.n_averaged.fill_(first)
    stepper = Stepper(task, task.networks, ALONE, Precision("fp32", ALONE.device), train, batch_size)
    ours = {theirs: mine for mine, theirs in refdiff_keys(start).items()}
    parameters = dict(network.named_parameters())
    found: dict[str, list[float]] = {"losses": [], "lr": [], "ema_beta": []}
    answers: dict[str, npt.ArrayLike] = {}
    for number in range(config["steps"]):
        outcome = stepper.step(first + number + 1, _batch(inputs, number))
        found["losses"].append(float(outcome.losses["l_g_denoise"]))
        found["lr"].append(stepper.rates(first + number + 1)["G"])
        found["ema_beta"].append(decay(train, int(average.n_averaged) * batch_size, batch_size))
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


def _averaging(config: Mapping[str, Any], **others: Any) -> TrainOptions:
    halflife = config["ema_halflife_kimg"] * KIMG
    return TrainOptions(niter=1, ema_halflife_images=halflife, ema_ramp=config["ema_rampup_ratio"], **others)


def _levels(config: Mapping[str, Any]) -> tuple[float, float]:
    return config["loss"]["P_mean"], config["loss"]["P_std"]


def _divisor(images: Tensor) -> float:
    return 32 if images.shape[-1] == 64 else 256
