"""Answers for TSFNet's training: losses, gradients, optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.modules import step_runner_of
from harness.run import Answers
from harness.tsfnet_networks import tsfnet_of
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.tsfnet import tsfnet_keys, tsfnet_options
from refsr.losses.pixel import Criterion
from refsr.tasks.base import Batch, IterationCache, Losses, Phase
from refsr.tasks.regression import Regression, stage_losses

CRITERIA: Mapping[str, Criterion] = {"L1": "l1", "MSE": "l2"}
"""The released words for pixel losses and ours."""

FIRST_STAGE = "_stage1"
"""How names of the first stage's terms end."""


class WeightedSum(Regression):
    """Regression on a weighted sum of pixel losses of both stages."""

    def __init__(self, options: Options, terms: Sequence[TrainOptions]) -> None:
        super().__init__(options)
        self._terms = terms

    def phases(self, step: int) -> Sequence[Phase]:
        return (Phase("G", self._summed),)

    def _summed(self, network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
        images = network(batch["lr"], every_stage=True)
        found = [stage_losses(train, images, batch["hr"]) for train in self._terms]
        return {name: torch.stack([one[name] for one in found]).sum() for name in found[0]}


def losses(case: Case) -> Answers:
    """Both stages' terms of a batch, and their sum."""
    terms = _terms(_task(case), _batch(case))
    first = [term for name, term in terms.items() if name.endswith(FIRST_STAGE)]
    final = [term for name, term in terms.items() if not name.endswith(FIRST_STAGE)]
    sums = {"loss": [*first, *final], "loss_final": final, "loss_first": first}
    return {name: torch.stack(parts).sum().detach() for name, parts in sums.items()}


def gradients(case: Case) -> Answers:
    """The norm of each parameter's gradient in the published order."""
    task = _task(case)
    torch.autograd.backward(torch.stack(list(_terms(task, _batch(case)).values())).sum())
    parameters, ours = dict(task.networks["G"].named_parameters()), _our_keys(case)
    slopes = [parameters[ours[key]].grad for key, _ in case.meta["state"]]
    norms = torch.stack([torch.zeros(()).double() if slope is None else slope.norm() for slope in slopes])
    return {"grad_log10_norm": norms.log10()}


def steps(case: Case) -> Answers:
    """Losses before each of the trainer's own steps, on the same batches afterwards, and how far parameters moved."""
    task = _task(case)
    step_runner = step_runner_of(task)
    before = {key: one.detach().clone() for key, one in task.networks["G"].named_parameters()}
    batches = [_batch(case, step) for step in range(len(case.inputs()["lr"]))]
    found = [
        sum(float(term) for term in step_runner.step(k, batch).losses.values()) for k, batch in enumerate(batches, 1)
    ]
    with torch.no_grad():
        after = [sum(float(term) for term in _terms(task, batch).values()) for batch in batches]
    moved = [(one.detach() - before[key]).flatten() for key, one in task.networks["G"].named_parameters()]
    distance = torch.cat(moved).square().mean().sqrt() / task.train.lr_G
    return {"losses": found, "losses_after": after, "moved_rms_over_lr": distance}


def _task(case: Case) -> Regression:
    """The task with the case's weights and recipe; in float64 for the reason that `tsfnet_of` gives."""
    keywords = tsfnet_options(case.weights(), case.config["scale"])
    terms = _loss_terms(case)
    options = Options(
        name=case.name,
        model="TSFNet_model",
        scale=keywords["scale"],
        datasets={},
        network_G=GeneratorOptions(which_model_G="TSFNet", **keywords),
        train=terms[0],
    )
    task = Regression(options) if len(terms) == 1 else WeightedSum(options, terms)
    task.networks["G"].double().load_state_dict(tsfnet_of(case).state_dict())
    return task


def _loss_terms(case: Case) -> list[TrainOptions]:
    """The train section of each term of the loss, such as 1*L1+0.5*MSE, with the same optimiser."""
    adam: Mapping[str, Any] = case.config.get("optimizer", {})
    beta1, beta2 = adam.get("betas", (0.9, 0.999))
    recipe = {"lr_G": adam.get("lr", 5e-4), "beta1_G": beta1, "beta2_G": beta2}
    recipe |= {"epsilon": adam.get("eps", 1e-8), "weight_decay_G": adam.get("weight_decay", 0)}
    found = []
    for term in case.config["loss"].split("+"):
        weight, _, kind = term.partition("*")
        if kind not in CRITERIA:
            raise NotCoveredError(f"loss {term!r} is none of {', '.join(CRITERIA)}")
        found.append(TrainOptions(niter=1, pixel_weight=float(weight), pixel_criterion=CRITERIA[kind], **recipe))
    return found


def _terms(task: Regression, batch: Batch) -> Mapping[str, Tensor]:
    """The task's losses of a batch."""
    (phase,) = task.phases(1)
    return phase.losses(task.networks["G"], batch, IterationCache())


def _batch(case: Case, step: int | None = None) -> dict[str, Any]:
    """The case's images, of one step where there are several."""
    given = case.given()
    low, high = ((given[name] if step is None else given[name][step]).double() for name in ("lr", "hr"))
    return {"lr": low, "hr": high, "name": [case.name] * len(low)}


def _our_keys(case: Case) -> dict[str, str]:
    """Our keys by the published ones."""
    pairs = tsfnet_options(case.weights(), case.config["scale"])["n_blocks"]
    return {theirs: ours for ours, theirs in tsfnet_keys(pairs).items()}
