"""A run before it is run: every file touched, everything built, one step at full size, and what to expect."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.loading import StepSampler, batches
from refsr.evaluation.measuring import one_batch
from refsr.runs.process_group import Group
from refsr.runs.run_folder import RunFolder
from refsr.training.journal import memory_peak
from refsr.training.setup import Setup, set_up
from refsr.training.stepping import Outcome, Stepper

OPTIMISER_COPIES = 2
"""Adam keeps two numbers beside each weight."""


@dataclass(frozen=True)
class Expectation:
    """What a run will take, as far as one step tells."""

    folder: Path
    samples: int
    validation_samples: int
    parameters: dict[str, int]
    niter: int
    epochs: float
    seconds_a_step: float
    seconds_an_image: float
    """Restoring one validation image by every network that is measured; zero where nothing is validated."""
    validations: int
    memory_mib: float
    checkpoint_mib: float
    losses: dict[str, float]

    @property
    def seconds(self) -> float:
        """The whole run's training and validation."""
        return self.niter * self.seconds_a_step + (self.validations * self.validation_samples * self.seconds_an_image)


def dry_run(options: Options, group: Group, progress: ProgressFactory = no_progress) -> Expectation:
    """Writes nothing; mistakes that a run would find late are found now."""
    setup = set_up(options, group)
    sets = {"train": setup.training_set, **setup.validation_sets}
    with progress("reading every image", sum(map(len, sets.values()))) as bar:
        for dataset in sets.values():
            for index in range(len(dataset)):
                dataset[index]
                bar.advance()
    outcome, seconds = _steps(setup)
    images = sum(map(len, setup.validation_sets.values()))
    settings = setup.train
    parameters = {key: _count(network) for key, network in setup.task.networks.items()}
    copies = {key: 1 + OPTIMISER_COPIES + (key == "G" and setup.average is not None) for key in parameters}
    return Expectation(
        folder=RunFolder.of(options).path,
        samples=len(setup.training_set),
        validation_samples=images,
        parameters=parameters,
        niter=settings.niter,
        epochs=settings.niter * options.datasets["train"].batch_size / len(setup.training_set),
        seconds_a_step=seconds,
        seconds_an_image=_restoring(setup),
        validations=-(-settings.niter // settings.val_freq) if settings.val_freq and images else 0,
        memory_mib=memory_peak(group.device),
        checkpoint_mib=sum(4 * count * copies[key] for key, count in parameters.items()) / 2**20,
        losses={name: float(value) for name, value in outcome.losses.items()},
    )


def seconds_a_step(options: Options, group: Group, tries: int = 3) -> float:
    """What a step takes here, by the fastest of a few; networks start untrained, which costs the same."""
    fresh = options.model_copy(update={"path": options.path.model_copy(update={"pretrain_model_G": None})})
    setup = set_up(fresh, group)
    return min(_steps(setup)[1] for _ in range(tries))


def _steps(setup: Setup, warm: int = 1) -> tuple[Outcome, float]:
    """The outcome of the first step, and the seconds that the one after the warm ones takes."""
    dataset, group = setup.options.datasets["train"], setup.group
    sampler = StepSampler(
        len(setup.training_set), dataset.batch_size, 1, 1, setup.options.run_seed, group.rank, group.world
    )
    (batch,) = batches(setup.training_set, sampler, 0, group.device)
    stepper = Stepper(setup.task, setup.wrapped, group, setup.precision, setup.train, dataset.batch_size)
    outcome = stepper.step(1, batch)
    for step in range(2, warm + 1):
        stepper.step(step, batch)
    started = _now(group.device)
    stepper.step(warm + 1, batch)
    return outcome, _now(group.device) - started


def _restoring(setup: Setup) -> float:
    """Seconds for the first validation image."""
    for dataset in setup.validation_sets.values():
        batch, networks = one_batch(dataset[0], setup.group.device), setup.validated_networks()
        started = _now(setup.group.device)
        for network in networks.values():
            with torch.inference_mode(), setup.precision.autocast():
                setup.restore(network.eval(), batch)
        return _now(setup.group.device) - started
    return 0.0


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
