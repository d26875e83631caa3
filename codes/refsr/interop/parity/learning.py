"""Answers the parity cases of learning in the L1 stage: losses, learning rates, optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.engine.schedules import Schedule
from refsr.interop.parity.case import Case
from refsr.interop.parity.networks import rrsnet
from refsr.interop.parity.run import Answers
from refsr.interop.weights.rrsnet import rrsnet_keys
from refsr.losses.gradient import gradient_loss
from refsr.losses.pixel import pixel_loss


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
    """Adam's first steps on one batch: losses, gradient norms at the first step, and how far each parameter went."""
    config, train = case.config, case.config["train"]
    network = rrsnet(case)
    given = {name: torch.from_numpy(array) for name, array in case.inputs().items()}
    betas = (train.get("beta1_G", 0.9), train.get("beta2_G", 0.99))
    optimiser = torch.optim.Adam(network.parameters(), train["lr_G"], betas)
    ours = {theirs: mine for mine, theirs in rrsnet_keys(config["n_blocks"]).items()}
    parameters = dict(network.named_parameters())
    start = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    losses: list[list[float]] = []
    answers: dict[str, npt.ArrayLike] = {}
    for step in range(1, config["steps"] + 1):
        restored = network(given["LQ"], given["LQ_UX4"], given["Ref"], given["Ref_DUX4"])
        terms = _terms(train, restored, given["GT"])
        total = torch.stack(terms).sum()
        losses.append([float(term.detach()) for term in (total, *terms)])
        slopes = dict(zip(parameters, torch.autograd.grad(total, list(parameters.values())), strict=True))
        for name, parameter in parameters.items():
            parameter.grad = slopes[name]
        if step == 1:
            answers["grad_log10"] = torch.stack([slopes[ours[key]].norm() for key in config["grad_keys"]]).log10()
        optimiser.step()
        moved = [parameters[ours[key]].detach() - start[ours[key]] for key in config["delta_keys"]]
        answers[f"delta_{step}"] = [float(one.norm()) / (train["lr_G"] * one.numel() ** 0.5) for one in moved]
    for name, column in zip(("loss", "loss_pix", "loss_grad"), zip(*losses, strict=True), strict=True):
        answers[name] = column
    return answers


def _terms(train: Mapping[str, Any], restored: Tensor, target: Tensor, weighed: bool = True) -> tuple[Tensor, Tensor]:
    """The pixel term and the gradient term."""
    pixel = pixel_loss(restored, target, train.get("pixel_criterion", "l1"))
    gradient = gradient_loss(restored, target)
    return (train["pixel_weight"] * pixel, train["gradient_pixel_weight"] * gradient) if weighed else (pixel, gradient)
