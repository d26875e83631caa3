"""Answers the parity cases of TSFNet's learning: losses, gradients, optimiser steps, learning rates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.case import Case, NotCoveredError
from harness.run import Answers
from harness.tsfnet_networks import tensors, tsfnet
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.tsfnet import tsfnet_keys, tsfnet_options
from refsr.runs.process_group import ALONE
from refsr.tasks.base import Losses, Memory
from refsr.tasks.regression import Regression
from refsr.training.precision import Precision
from refsr.training.schedules import Schedule
from refsr.training.stepping import Stepper

CRITERIA = {"L1": "l1", "MSE": "l2"}
"""The released words for pixel losses and ours."""


def losses(case: Case) -> Answers:
    """Both terms of a batch, and their sum."""
    terms = _terms(_task(case), case)
    return {
        "loss": torch.stack(list(terms.values())).sum().detach(),
        "loss_final": terms["l_g_pix"].detach(),
        "loss_first": terms["l_g_pix_stage1"].detach(),
    }


def gradients(case: Case) -> Answers:
    """The norm of each parameter's gradient in the published order."""
    task = _task(case)
    torch.autograd.backward(torch.stack(list(_terms(task, case).values())).sum())
    parameters = dict(task.networks["G"].named_parameters())
    ours = _published(case)
    slopes = [parameters[ours[key]].grad for key, _ in case.meta["state"]]
    norms = torch.stack([slope.norm() for slope in slopes if slope is not None])
    return {"grad_log10_norm": norms.log10()}


def steps(case: Case) -> Answers:
    """Losses before each of the trainer's own steps, on the same batches afterwards, and how far parameters moved."""
    task = _task(case)
    stepper = Stepper(task, task.networks, ALONE, Precision("fp32", ALONE.device), task.train)
    before = {key: one.detach().clone() for key, one in task.networks["G"].named_parameters()}
    inputs = tensors(case)[1]
    batches = [_batch(low, high) for low, high in zip(inputs["lr"], inputs["hr"], strict=True)]
    found = [sum(float(term) for term in stepper.step(k, batch).losses.values()) for k, batch in enumerate(batches, 1)]
    with torch.no_grad():
        after = [sum(float(term) for term in _terms_of(task, batch).values()) for batch in batches]
    moved = [(one.detach() - before[key]).flatten() for key, one in task.networks["G"].named_parameters()]
    distance = torch.cat(moved).square().mean().sqrt() / task.train.lr_G
    return {"losses": found, "losses_after": after, "moved_rms_over_lr": distance}


def epoch_rates(case: Case) -> Answers:
    """The rate of each epoch: a milestone is the last one before the rate falls."""
    config = case.config
    schedule = Schedule(
        "MultiStepLR",
        config["epochs"],
        steps=tuple(milestone + 1 for milestone in config["milestones"]),
        gamma=config["gamma"],
    )
    # The published loop leaves out the last epoch of its option.
    epochs = range(1, config["epochs"])
    return {"lr_per_epoch": np.array([schedule.lr(k, config["lr"]) for k in epochs]), "epochs_run": len(epochs)}


def _task(case: Case) -> Regression:
    """The task with the case's weights and recipe; in float64 for the reason that `tsfnet` gives."""
    options = tsfnet_options(tensors(case)[0], case.config["scale"])
    task = Regression(
        Options(
            name=case.name,
            model="TSFNet_model",
            scale=options["scale"],
            datasets={},
            network_G=GeneratorOptions(which_model_G="TSFNet", **options),
            train=TrainOptions(niter=len(case.inputs()["lr"]), **_recipe(case)),
        )
    )
    task.networks["G"].double().load_state_dict(tsfnet(case).state_dict())
    return task


def _recipe(case: Case) -> dict[str, Any]:
    """Keys of the train section: weight and kind of the loss, Adam's numbers."""
    found = re.fullmatch(r"([0-9.e+-]+)\*(\w+)", case.config["loss"])
    if found is None or found[2] not in CRITERIA:
        raise NotCoveredError(f"loss {case.config['loss']!r}")
    recipe: dict[str, Any] = {"pixel_weight": float(found[1]), "pixel_criterion": CRITERIA[found[2]]}
    if "optimizer" in case.config:
        adam: Mapping[str, Any] = case.config["optimizer"]
        recipe |= {"lr_G": adam["lr"], "beta1_G": adam["betas"][0], "beta2_G": adam["betas"][1]}
        recipe |= {"epsilon": adam["eps"], "weight_decay_G": adam["weight_decay"]}
    return recipe


def _terms(task: Regression, case: Case) -> Losses:
    inputs = tensors(case)[1]
    return _terms_of(task, _batch(inputs["lr"], inputs["hr"]))


def _terms_of(task: Regression, batch: Mapping[str, Any]) -> Losses:
    (phase,) = task.phases(1)
    return phase.losses(task.networks["G"], batch, Memory())


def _batch(low: Tensor, high: Tensor) -> dict[str, Any]:
    return {"lr": low.double(), "hr": high.double(), "name": ["given"] * len(low)}


def _published(case: Case) -> dict[str, str]:
    """Our keys by the published ones."""
    pairs = tsfnet_options(tensors(case)[0], case.config["scale"])["n_pairs"]
    return {theirs: ours for ours, theirs in tsfnet_keys(pairs).items()}
