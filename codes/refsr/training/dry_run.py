"""The dry run: reads every file, builds everything, takes two iterations, and estimates the run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.loading import StepSampler, batches
from refsr.evaluation.images import one_batch
from refsr.runs.process_group import Group
from refsr.runs.run_folder import RunFolder
from refsr.training.run_log import memory_peak
from refsr.training.setup import TrainingSetup, set_up_training
from refsr.training.sharding import whole_network
from refsr.training.step import StepResult, StepRunner

OPTIMISER_COPIES = 2
"""Adam stores two moments for each weight."""


@dataclass(frozen=True)
class RunEstimate:
    """Size, time and memory of a run, estimated from one training iteration."""

    folder: Path
    samples: int
    validation_samples: int
    parameters: dict[str, int]
    niter: int
    epochs: float
    seconds_a_step: float
    seconds_an_image: float
    """For one validation image by every network that is measured; zero without validation."""
    validations: int
    memory_mib: float | None
    checkpoint_mib: float
    losses: dict[str, float]

    @property
    def seconds(self) -> float:
        """The whole run's training and validation."""
        return self.niter * self.seconds_a_step + (self.validations * self.validation_samples * self.seconds_an_image)


def dry_run(options: Options, group: Group, progress: ProgressFactory = no_progress) -> RunEstimate:
    """Checks and estimates a run without writing anything; errors that would appear late appear now."""
    setup = set_up_training(options, group)
    sets = {"train": setup.training_set, **setup.validation_sets}
    with progress("reading every image", sum(map(len, sets.values()))) as bar:
        for dataset in sets.values():
            for index in range(len(dataset)):
                dataset[index]
                bar.advance()
    result, seconds = _timed_steps(setup)
    images = sum(map(len, setup.validation_sets.values()))
    settings = setup.train
    parameters = {key: _count(network) for key, network in setup.task.networks.items()}
    copies = {key: 1 + OPTIMISER_COPIES + (key == "G" and setup.ema is not None) for key in parameters}
    return RunEstimate(
        folder=RunFolder.of(options).path,
        samples=len(setup.training_set),
        validation_samples=images,
        parameters=parameters,
        niter=settings.niter,
        epochs=settings.niter * options.datasets["train"].batch_size / len(setup.training_set),
        seconds_a_step=seconds,
        seconds_an_image=_seconds_an_image(setup),
        validations=-(-settings.niter // settings.val_freq) if settings.val_freq and images else 0,
        memory_mib=memory_peak(group.device),
        checkpoint_mib=sum(4 * count * copies[key] for key, count in parameters.items()) / 2**20,
        losses={name: float(value) for name, value in result.losses.items()},
    )


def seconds_a_step(options: Options, group: Group, tries: int = 3) -> float:
    """What a step takes here, by the fastest of a few; networks start untrained, which costs the same."""
    fresh = options.model_copy(update={"path": options.path.model_copy(update={"pretrain_model_G": None})})
    setup = set_up_training(fresh, group, check_base=False)
    return min(_timed_steps(setup)[1] for _ in range(tries))


def _timed_steps(setup: TrainingSetup, warmup: int = 1) -> tuple[StepResult, float]:
    """The first step's result, and the seconds of the step after the warm-up steps."""
    dataset, group = setup.options.datasets["train"], setup.group
    sampler = StepSampler(
        len(setup.training_set), dataset.batch_size, 1, 1, setup.options.run_seed, group.rank, group.world
    )
    (batch,) = batches(setup.training_set, sampler, 0, group.device)
    step_runner = StepRunner(setup.task, setup.wrapped, group, setup.precision, setup.train, dataset.batch_size)
    result = step_runner.step(1, batch)
    for step in range(2, warmup + 1):
        step_runner.step(step, batch)
    started = _now(group.device)
    step_runner.step(warmup + 1, batch)
    return result, _now(group.device) - started


def _seconds_an_image(setup: TrainingSetup) -> float:
    """Seconds to restore the first validation image."""
    for dataset in setup.validation_sets.values():
        batch, spec = one_batch(dataset[0], setup.group.device), setup.task.specs["G"]
        networks = {name: whole_network(one, spec, setup.group) for name, one in setup.validated_networks().items()}
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
