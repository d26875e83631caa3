"""One iteration: every phase's forward, backward and optimiser step, and nothing that is not finite."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from refsr.core.options.train import TrainOptions
from refsr.runs.process_group import Group
from refsr.tasks.base import Batch, Memory, Phase, Task
from refsr.training.precision import Precision
from refsr.training.schedules import Schedule


@dataclass
class Outcome:
    """What an iteration came to: weighted losses by name, and the norm of each network's gradient."""

    losses: dict[str, Tensor] = field(default_factory=dict)
    shown: dict[str, Tensor] = field(default_factory=dict)
    """What tasks tell beside their losses, such as a discriminator's mean scores."""
    norms: dict[str, Tensor] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    """Networks whose step was left out because something was not finite."""


class NotFiniteError(Exception):
    """A loss or gradient is infinite or not a number, on this process or another one; no step was taken."""

    def __init__(self, network: str, terms: list[str], here: bool) -> None:
        self.network, self.terms, self.here = network, terms, here
        where = "" if here else " on another process"
        super().__init__(f"{' and '.join(terms)} of network {network} not finite{where}")


class Stepper:
    """Takes iterations with a task's networks as they are wrapped for training."""

    def __init__(
        self,
        task: Task,
        wrapped: Mapping[str, nn.Module],
        group: Group,
        precision: Precision,
        train: TrainOptions,
        batch: int = 1,
    ) -> None:
        """`batch` images an iteration, by which some schedules count."""
        self.task, self.wrapped, self.group, self.precision, self.train = task, wrapped, group, precision, train
        self.schedule = Schedule.of(train, batch)
        self._initial = {key: one.param_groups[0]["lr"] for key, one in task.optimisers.items()}

    def rates(self, step: int) -> dict[str, float]:
        """The learning rate of each network in iteration `step`."""
        return {key: self.schedule.lr(step, initial) for key, initial in self._initial.items()}

    def step(self, step: int, batch: Batch) -> Outcome:
        """Iteration number `step` on this process's share of the batch."""
        self._prepare(step)
        parts = list(_parts(batch, self.train.gradient_accumulation))
        memories = [Memory() for _ in parts]
        outcome = Outcome()
        for phase in self.task.phases(step):
            self._phase(phase, parts, memories, outcome)
        return outcome

    def _prepare(self, step: int) -> None:
        for key, rate in self.rates(step).items():
            optimiser = self.task.optimisers[key]
            for group in optimiser.param_groups:
                group["lr"] = rate
            if self.schedule.clears(step):
                optimiser.state.clear()

    def _phase(self, phase: Phase, parts: list[Batch], memories: list[Memory], outcome: Outcome) -> None:
        key, network = phase.network, self.wrapped[phase.network]
        optimiser, scaler = self.task.optimisers[key], self.precision.scaler
        losses: dict[str, Tensor] = {}
        shown: dict[str, Tensor] = {}
        with self._alone(key):
            optimiser.zero_grad(set_to_none=True)
            for number, (part, memory) in enumerate(zip(parts, memories, strict=True), 1):
                with _unsynchronised(network, number < len(parts)):
                    with self.precision.autocast():
                        terms = phase.losses(network, part, memory)
                        total = torch.stack([term.float() for term in terms.values()]).sum() / len(parts)
                    torch.autograd.backward(scaler.scale(total))
                for name, term in terms.items():
                    losses[name] = losses.get(name, 0) + term.detach().float() / len(parts)
                for name, value in memory.shown.items():
                    shown[name] = shown.get(name, 0) + value.detach().float() / len(parts)
                memory.shown = {}
        scaler.unscale_(optimiser)
        gradients = [one.grad for group in optimiser.param_groups for one in group["params"] if one.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        outcome.losses |= losses
        outcome.shown |= shown
        outcome.norms[key] = norm
        if not self._finite(key, losses, norm):
            outcome.skipped.append(key)
        else:
            if self.train.clip_grad_norm is not None:
                torch.nn.utils.clip_grads_with_norm_(_parameters(optimiser), self.train.clip_grad_norm, norm)
            scaler.step(optimiser)
        scaler.update()

    def _finite(self, key: str, losses: Mapping[str, Tensor], norm: Tensor) -> bool:
        """Whether the step may be taken; raises where the options ask to stop. All processes come to the same."""
        checked = torch.stack([*losses.values(), norm.to(torch.float32)]).isfinite().tolist()
        bad = [name for name, fine in zip(losses, checked, strict=False) if not fine]
        loss_bad, norm_bad = self.group.any([bool(bad), not checked[-1]])
        if not loss_bad and not norm_bad:
            return True
        # With scaled losses an overflow of gradients is part of the search for the right scale.
        searching = self.precision.kind == "fp16" and not loss_bad and self.precision.scaler.get_scale() > 1
        if self.train.on_nonfinite == "stop" and not searching:
            here = bool(bad) or not checked[-1]
            terms = bad or ["the gradient"]
            raise NotFiniteError(key, terms, here)
        return False

    @contextlib.contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Only network `key` has gradients inside."""
        others = [network for name, network in self.task.networks.items() if name != key]
        thawed = [one for network in others for one in network.parameters() if one.requires_grad]
        for parameter in thawed:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in thawed:
                parameter.requires_grad_(True)


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [one for group in optimiser.param_groups for one in group["params"]]


def _parts(batch: Batch, count: int) -> Iterator[Batch]:
    """The batch cut into `count` equal parts along its samples."""
    if count == 1:
        yield batch
        return
    size = len(batch["name"]) // count
    for start in range(0, size * count, size):
        yield {name: member[start : start + size] for name, member in batch.items()}


def _unsynchronised(network: nn.Module, wanted: bool) -> contextlib.AbstractContextManager[None]:
    """Leaves gradients where they are, as long as more parts of the batch are to come."""
    if wanted and isinstance(network, DistributedDataParallel):
        return network.no_sync()
    return contextlib.nullcontext()
