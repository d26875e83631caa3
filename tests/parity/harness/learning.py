"""Answers the parity cases of learning in the L1 stage: losses, learning rates, optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.case import Case
from harness.run import Answers
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.rgtnet import import_rgtnet, rgtnet_keys, rgtnet_options
from refsr.interop.weights.rrsnet import import_rrsnet, rrsnet_keys, rrsnet_options
from refsr.losses.gradient import gradient_loss
from refsr.losses.pixel import pixel_loss
from refsr.runs.process_group import ALONE
from refsr.tasks.regression import Regression
from refsr.training.precision import Precision
from refsr.training.schedules import Schedule
from refsr.training.stepping import Stepper


def l1_stage_losses(case: Case) -> Answers:
    """The terms, their sum, and the sum's gradient for the restored image."""
    inputs = case.inputs()
    restored = torch.from_numpy(inputs["fake"]).requires_grad_()
    pixel, gradient = _terms(case.config["train"], restored, torch.from_numpy(inputs["gt"]), weighed=False)
    weighed = _terms(case.config["train"], restored, torch.from_numpy(inputs["gt"]))
    total = torch.stack(weighed).sum()
    (slope,) = torch.autograd.grad(total, restored)
    return {
        "l_g_pix": pixel.detach().reshape(1),
        "l_g_pix_grad": gradient.detach().reshape(1),
        "l_g_total": total.detach().reshape(1),
        "grad_fake_scaled": slope[:, :, 8:40, 8:40] * restored.numel() ** 0.5,
        "grad_fake_l2": slope.norm(),
    }


def learning_rates(case: Case) -> Answers:
    """The rate of each iteration, times 1e4, and where the moments are forgotten."""
    answers: dict[str, npt.ArrayLike] = {}
    for name, run in case.config["runs"].items():
        schedule = Schedule(
            run["scheme"],
            run["niter"],
            steps=tuple(run.get("lr_steps", ())),
            gamma=run.get("lr_gamma", 0.5),
            periods=tuple(run.get("T_period", ())),
            eta_min=run.get("eta_min", 0.0),
            restarts=tuple(run.get("restarts") or ()),
            restart_weights=tuple(run.get("restart_weights") or ()),
            clear_state=run.get("clear_state", False),
            warmup=run.get("warmup_iter", -1),
        )
        iterations = range(1, run["niter"] + 1)
        answers[name] = np.array([schedule.lr(k, run["lr"]) for k in iterations]) * 1e4
        answers[f"{name}_cleared"] = np.array([k for k in iterations if schedule.clears(k)])
    return answers


def rrsnet_steps(case: Case) -> Answers:
    """RRSNet's first steps."""
    state = {key: torch.from_numpy(array) for key, array in case.state().items()}
    network, done = import_rrsnet(state)
    done.require_complete(case.name)
    return _steps(case, network, "RRSNet", rrsnet_options(state), rrsnet_keys(case.config["n_blocks"]))


def rgtnet_steps(case: Case) -> Answers:
    """RGTNet's first steps."""
    state = {key: torch.from_numpy(array) for key, array in case.state().items()}
    network, done = import_rgtnet(state)
    done.require_complete(case.name)
    options = rgtnet_options(state)
    return _steps(case, network, "RGTNet", options, rgtnet_keys(case.config["n_blocks"], options["gtem_blocks"]))


def _steps(case: Case, start: nn.Module, name: str, keywords: Mapping[str, Any], keys: Mapping[str, str]) -> Answers:
    """The trainer's first steps on one batch: losses, gradient norms at the first step, how far each parameter went."""
    config = case.config
    options = Options(
        name=case.name,
        model=f"{name}_model",
        scale=keywords["scale"],
        datasets={},
        network_G=GeneratorOptions(which_model_G=name, **keywords),
        train=TrainOptions(niter=config["steps"], **config["train"]),
    )
    task = Regression(options)
    task.networks["G"].load_state_dict(start.state_dict())
    stepper = Stepper(task, task.networks, ALONE, Precision("fp32", ALONE.device), task.train)
    members = {"LQ": "lr", "LQ_UX4": "lr_up", "Ref": "ref", "Ref_DUX4": "ref_down", "GT": "hr"}
    batch: dict[str, Any] = {members[name]: torch.from_numpy(array) for name, array in case.inputs().items()}
    batch["name"] = [case.name] * len(batch["lr"])
    ours = {theirs: mine for mine, theirs in keys.items()}
    parameters, before = dict(task.networks["G"].named_parameters()), dict(start.named_parameters())
    losses: list[list[float]] = []
    answers: dict[str, npt.ArrayLike] = {}
    for step in range(1, config["steps"] + 1):
        terms = [float(term) for term in stepper.step(step, batch).losses.values()]
        losses.append([sum(terms), *terms])
        if step == 1:
            slopes = [parameters[ours[key]].grad for key in config["grad_keys"]]
            answers["grad_log10"] = torch.stack([slope.norm() for slope in slopes if slope is not None]).log10()
        moved = [(parameters[ours[key]] - before[ours[key]]).detach() for key in config["delta_keys"]]
        answers[f"delta_{step}"] = [float(one.norm()) / (task.train.lr_G * one.numel() ** 0.5) for one in moved]
    for name, column in zip(("loss", "loss_pix", "loss_grad"), zip(*losses, strict=True), strict=True):
        answers[name] = column
    return answers


def _terms(train: Mapping[str, Any], restored: Tensor, target: Tensor, weighed: bool = True) -> tuple[Tensor, Tensor]:
    """The pixel term and the gradient term."""
    pixel = pixel_loss(restored, target, train.get("pixel_criterion", "l1"))
    gradient = gradient_loss(restored, target)
    return (train["pixel_weight"] * pixel, train["gradient_pixel_weight"] * gradient) if weighed else (pixel, gradient)
