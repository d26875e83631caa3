"""One training iteration: forward, backward and optimiser step of every phase, with checks for non-finite numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from refsr.core.options.train import TrainOptions
from refsr.runs.process_group import Group
from refsr.tasks.base import Batch, IterationCache, Phase, Task
from refsr.training.lr_schedule import LRSchedule
from refsr.training.precision import Precision
from refsr.training.sharding import whole_tensor


@dataclass
class StepResult:
    """The result of an iteration: weighted losses by name, and the gradient norm of each network."""

    losses: dict[str, Tensor] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)
    """What tasks log beside their losses, such as a discriminator's mean logits."""
    norms: dict[str, Tensor] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    """Networks whose optimiser step was skipped because a loss or gradient was not finite."""


class NotFiniteError(Exception):
    """A loss or gradient is infinite or NaN, on this process or another one; no optimiser step was taken."""

    def __init__(self, network: str, terms: list[str], here: bool) -> None:
        self.network, self.terms, self.here = network, terms, here
        where = "" if here else " on another process"
        super().__init__(f"{' and '.join(terms)} of network {network} not finite{where}")


class StepRunner:
    """Runs iterations of a task with its networks as they are wrapped for training."""

    def __init__(
        self,
        task: Task,
        wrapped: Mapping[str, nn.Module],
        group: Group,
        precision: Precision,
        train: TrainOptions,
        batch: int = 1,
    ) -> None:
        """`batch` is the number of images of an iteration, which some schedules count."""
        self.task, self.wrapped, self.group, self.precision, self.train = task, wrapped, group, precision, train
        self.schedule = LRSchedule.of(train, batch)
        self._initial_lr = {key: one.param_groups[0]["lr"] for key, one in task.optimisers.items()}

    def learning_rates(self, step: int) -> dict[str, float]:
        """The learning rate of each network in iteration `step`."""
        return {key: self.schedule.lr(step, initial) for key, initial in self._initial_lr.items()}

    def step(self, step: int, batch: Batch) -> StepResult:
        """Iteration number `step` on this process's share of the batch."""
        self._set_learning_rates(step)
        microbatches = list(_microbatches(batch, self.train.gradient_accumulation))
        caches = [IterationCache() for _ in microbatches]
        result = StepResult()
        for phase in self.task.phases(step):
            self._run_phase(phase, microbatches, caches, result)
        return result

    def _set_learning_rates(self, step: int) -> None:
        for key, rate in self.learning_rates(step).items():
            optimiser = self.task.optimisers[key]
            for group in optimiser.param_groups:
                group["lr"] = rate
            if self.schedule.clears_moments(step):
                optimiser.state.clear()

    def _run_phase(
        self, phase: Phase, microbatches: list[Batch], caches: list[IterationCache], result: StepResult
    ) -> None:
        key, network = phase.network, self.wrapped[phase.network]
        optimiser, scaler = self.task.optimisers[key], self.precision.scaler
        losses: dict[str, Tensor] = {}
        statistics: dict[str, Tensor] = {}
        with self._others_frozen(key):
            optimiser.zero_grad(set_to_none=True)
            for number, (microbatch, cache) in enumerate(zip(microbatches, caches, strict=True), 1):
                with _without_gradient_sync(network, number < len(microbatches)):
                    with self.precision.autocast():
                        terms = phase.losses(network, microbatch, cache)
                        total = torch.stack([term.float() for term in terms.values()]).sum() / len(microbatches)
                    torch.autograd.backward(scaler.scale(total))
                for name, term in terms.items():
                    losses[name] = losses.get(name, 0) + term.detach().float() / len(microbatches)
                for name, value in cache.statistics.items():
                    statistics[name] = statistics.get(name, 0) + value.detach().float() / len(microbatches)
                cache.statistics = {}
        scaler.unscale_(optimiser)
        gradients = [one.grad for group in optimiser.param_groups for one in group["params"] if one.grad is not None]
        norm = whole_tensor(torch.nn.utils.get_total_norm(gradients))
        result.losses |= losses
        result.statistics |= statistics
        result.norms[key] = norm
        if not self._finite(key, losses, norm):
            result.skipped.append(key)
        else:
            if self.train.clip_grad_norm is not None:
                torch.nn.utils.clip_grads_with_norm_(_parameters(optimiser), self.train.clip_grad_norm, norm)
            scaler.step(optimiser)
        scaler.update()

    def _finite(self, key: str, losses: Mapping[str, Tensor], norm: Tensor) -> bool:
        """Whether the optimiser may step; raises where the options say stop. All processes decide the same."""
        checked = torch.stack([*losses.values(), norm.to(torch.float32)]).isfinite().tolist()
        bad = [name for name, fine in zip(losses, checked, strict=False) if not fine]
        loss_bad, norm_bad = self.group.any([bool(bad), not checked[-1]])
        if not loss_bad and not norm_bad:
            return True
        # With loss scaling, an overflow of gradients is part of the search for the right scale.
        searching = self.precision.kind == "fp16" and not loss_bad and self.precision.scaler.get_scale() > 1
        if self.train.on_nonfinite == "stop" and not searching:
            here = bool(bad) or not checked[-1]
            terms = bad or ["the gradient"]
            raise NotFiniteError(key, terms, here)
        return False

    @contextlib.contextmanager
    def _others_frozen(self, key: str) -> Iterator[None]:
        """Freezes all networks but `key` inside."""
        others = [network for name, network in self.task.networks.items() if name != key]
        trainable = [one for network in others for one in network.parameters() if one.requires_grad]
        for parameter in trainable:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in trainable:
                parameter.requires_grad_(True)


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [one for group in optimiser.param_groups for one in group["params"]]


def _microbatches(batch: Batch, count: int) -> Iterator[Batch]:
    """The batch split into `count` equal microbatches for gradient accumulation."""
    if count == 1:
        yield batch
        return
    size = len(batch["name"]) // count
    for start in range(0, size * count, size):
        yield {name: member[start : start + size] for name, member in batch.items()}


def _without_gradient_sync(network: nn.Module, wanted: bool) -> contextlib.AbstractContextManager[None]:
    """Postpones the gradient all-reduce while more microbatches follow."""
    if wanted and isinstance(network, DistributedDataParallel):
        return network.no_sync()
    return contextlib.nullcontext()
