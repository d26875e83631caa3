"""The training loop: iterations, logging, validation, checkpoints, resuming and stopping."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from refsr.core.atomic import write_text
from refsr.core.errors import RefsrError
from refsr.core.options.schema import Options
from refsr.core.options.show import show
from refsr.core.progress import ProgressBar, ProgressFactory, duration, no_progress
from refsr.core.seeding import derive
from refsr.data.loader_faults import explain_loader_faults
from refsr.data.loading import StepSampler, batches
from refsr.runs.checkpoint import (
    Checkpoint,
    checkpoint_at,
    newest_readable,
    prune,
    read_checkpoint,
    set_aside,
    write_checkpoint,
)
from refsr.runs.process_group import Group, peer_lost
from refsr.runs.run_folder import Best, RunFolder
from refsr.tasks.base import Batch
from refsr.tasks.instability import InstabilityMonitor, Monitored
from refsr.training.nonfinite_dump import write_nonfinite_dump
from refsr.training.run_log import RunLog, memory_peak
from refsr.training.setup import TrainingSetup, set_up_training
from refsr.training.sharding import is_sharded
from refsr.training.snapshot import apply_snapshot, take_snapshot
from refsr.training.step import NotFiniteError, StepResult, StepRunner
from refsr.training.stop_request import StopRequest
from refsr.training.trackers import Ending
from refsr.training.validation import primary_validation_set, validate


@dataclass(frozen=True)
class TrainingResult:
    """How a training run ended."""

    folder: Path
    step: int
    stopped_by: signal.Signals | None = None
    """The signal after which it saved and stopped early."""


def train(options: Options, group: Group, progress: ProgressFactory = no_progress) -> TrainingResult:
    """Trains what the options say, from the start or resumed from a checkpoint."""
    folder = RunFolder.of(options)
    held = folder.held() if group.is_main else contextlib.nullcontext()
    with held, StopRequest() as stop_request, explain_loader_faults():
        setup = set_up_training(options, group)
        start, remarks = _checkpoint_to_resume(setup, folder)
        run = _TrainingRun(setup, folder, start, stop_request)
        try:
            run.open(remarks)
            with progress(options.name, setup.train.niter) as bar:
                return run.loop(bar)
        except KeyboardInterrupt:
            run.ending = "stopped"
            raise
        except torch.OutOfMemoryError as error:
            raise RefsrError(
                f"iteration {run.step}: the GPU's memory is full; a smaller datasets.train.batch_size or GT_size, "
                "train.gradient_accumulation, train.activation_checkpointing: true or train.precision: bf16 needs less"
            ) from error
        except RuntimeError as error:
            lost = peer_lost(error, group) if group.world > 1 else None
            if lost is None:
                raise
            raise RefsrError(f"iteration {run.step}: {lost}") from error
        finally:
            run.close()


def _checkpoint_to_resume(setup: TrainingSetup, folder: RunFolder) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint to resume from, already applied, and log lines about it; the same on all processes."""
    options, group = setup.options, setup.group
    remarks: list[str] = []
    source: Path | None = options.path.resume_state
    if source is not None:
        checkpoint: Checkpoint | None = checkpoint_at(source)
        if group.is_main and folder.path.resolve() not in source.resolve().parents:
            _archive(folder, remarks)
    else:
        checkpoint = None
        if group.is_main:
            if options.path.auto_resume:
                checkpoint = newest_readable(folder.checkpoints, remarks.append)
            if checkpoint is None:
                _archive(folder, remarks)
        step = int(group.total(torch.tensor([checkpoint.step if checkpoint is not None else 0]))[0])
        source = folder.checkpoints / str(step)
        if step and checkpoint is None:
            checkpoint = read_checkpoint(source)
    if checkpoint is not None:
        remarks.append(f"resuming after iteration {checkpoint.step}, from {source}")
        remarks += [f"not the same run as before: {one}" for one in apply_snapshot(setup, checkpoint, source)]
        remarks += _forget_other_best(checkpoint, folder, options.logger.best_by, group.is_main)
        if group.is_main:
            later = set_aside(folder.checkpoints, checkpoint.step)
            remarks += [f"a later checkpoint is set aside as {path}" for path in later]
    return checkpoint, remarks


def _forget_other_best(checkpoint: Checkpoint, folder: RunFolder, metric: str | None, is_main: bool) -> list[str]:
    """Drops a best value of another metric, with which none of this one can be compared."""
    best = Best.of(checkpoint.facts)
    if best is None or best.metric == metric:
        return []
    checkpoint.facts["best"] = None
    if is_main:
        folder.forget_best()
    now = "no longer chosen" if metric is None else f"chosen by {metric} from here on"
    return [f"the best checkpoint was chosen by {best.metric}, and is {now}"]


def _archive(folder: RunFolder, remarks: list[str]) -> None:
    archive = folder.archived()
    if archive is not None:
        remarks.append(
            f"{folder.path} held an earlier run, which is {archive} now; --auto-resume would have continued it"
        )


class _TrainingRun:
    """A training run in progress."""

    def __init__(
        self, setup: TrainingSetup, folder: RunFolder, start: Checkpoint | None, stop_request: StopRequest
    ) -> None:
        self.setup, self.folder, self.stop_request = setup, folder, stop_request
        self.options, self.group, self.settings = setup.options, setup.group, setup.train
        self.step = self.first = start.step if start is not None else 0
        self.best = Best.of(start.facts) if start is not None else None
        self._validated = start is None or start.facts.get("validated", True)
        """Whether the validation that is due at this step has not been left out for a stop."""
        self.log: RunLog | None = None
        batch = self.options.datasets["train"].batch_size
        self.step_runner = StepRunner(setup.task, setup.wrapped, self.group, setup.precision, self.settings, batch)
        task = setup.task
        self.monitor = InstabilityMonitor(
            task.instabilities() if isinstance(task, Monitored) else (), list(task.networks)
        )
        self.options_text = show(self.options)
        self.ending: Ending = "failed"
        self._saved = self.first
        self._clock, self._since = time.perf_counter(), 0

    def open(self, remarks: list[str]) -> None:
        """Opens the log of the main process and writes its first lines."""
        if not self.group.is_main:
            return
        self.log = RunLog(self.folder, self.first + 1, self.options)
        write_text(self.folder.path / "options.yml", self.options_text)
        self.log.event(
            "start",
            name=self.options.name,
            model=self.options.model,
            niter=self.settings.niter,
            first=self.first + 1,
            processes=self.group.world,
            device=str(self.group.device),
            precision=self.settings.precision,
            torch=torch.__version__,
        )
        for remark in remarks:
            self.log.line(remark)
        sets = (self.setup.training_set, *self.setup.validation_sets.values())
        for note in dict.fromkeys([*self.setup.task.notes, *(note for one in sets for note in one.notes)]):
            self.log.note(note)

    def close(self) -> None:
        if self.log is not None:
            self.log.close(self.ending)

    def loop(self, bar: ProgressBar) -> TrainingResult:
        """Runs all remaining iterations."""
        bar.skip(self.first)
        if not self._validated and self._due(self.settings.val_freq):
            self._validate()
            if self.best is not None and self.group.is_main:
                self.best.write(self.folder.checkpoints)
        self._restart_clock()
        with contextlib.closing(self._batches()) as batches_by_step:
            return self._run_iterations(batches_by_step, bar)

    def _run_iterations(self, batches_by_step: Iterator[tuple[int, Batch]], bar: ProgressBar) -> TrainingResult:
        for step, batch in batches_by_step:
            self.step = step
            result = self._iterate(batch)
            if self.step % self.options.logger.print_freq == 0 or self.step == self.settings.niter:
                self._log_iteration(result, bar)
            bar.advance()
            stop = self.group.any([self.stop_request.signal is not None])[0]
            due = self._due(self.settings.val_freq)
            self._validated = not (due and stop)
            if due and not stop:
                self._validate()
            if stop or self._due(self.options.logger.save_checkpoint_freq):
                self._save()
            if stop:
                self.ending = "stopped"
                return TrainingResult(self.folder.path, self.step, self.stop_request.signal or signal.SIGTERM)
        self.ending = "finished"
        return TrainingResult(self.folder.path, self.step)

    def _due(self, every: int) -> bool:
        return bool(every) and (self.step % every == 0 or self.step == self.settings.niter)

    def _batches(self) -> Generator[tuple[int, Batch], None, None]:
        dataset = self.options.datasets["train"]
        first, last, seed = self.first + 1, self.settings.niter, self.options.run_seed
        sampler = StepSampler(
            len(self.setup.training_set), dataset.batch_size, first, last, seed, self.group.rank, self.group.world
        )
        if first <= last:
            loaded = batches(
                self.setup.training_set, sampler, dataset.n_workers, self.group.device, self.options.timeout
            )
            yield from enumerate(loaded, first)

    def _iterate(self, batch: Batch) -> StepResult:
        """One iteration; random draws inside networks and losses are a function of seed, step and process."""
        torch.manual_seed(derive(self.options.run_seed, "step", self.step, self.group.rank) & (2**63 - 1))
        if self.settings.channels_last:
            batch = {name: _channels_last(member) for name, member in batch.items()}
        for network in self.setup.task.networks.values():
            network.train()
        try:
            with self.group.waiting(f"iteration {self.step}"):
                result = self.step_runner.step(self.step, batch)
        except NotFiniteError as error:
            raise write_nonfinite_dump(self.folder, self.step, batch, error, self.options_text, self.group) from error
        if result.skipped and self.log is not None:
            self.log.line(
                f"iteration {self.step}: not finite, skipped the optimiser step of {', '.join(result.skipped)}"
            )
        ema = self.setup.ema
        if ema is not None:
            if self.step <= self.settings.ema_start:
                # Until averaging starts the copy is the weights: it is validated and stored before, too.
                ema.n_averaged.zero_()
            ema.update_parameters(self.setup.task.networks["G"])
        self._since += 1
        return result

    def _log_iteration(self, result: StepResult, bar: ProgressBar) -> None:
        """Logs this iteration's losses and learning rates, and the speed since the last log line."""
        if self.log is None:
            return
        losses = {name: float(value) for name, value in (result.losses | result.statistics).items()}
        rates = self.step_runner.learning_rates(self.step)
        speed = self._since * self.options.datasets["train"].batch_size / (time.perf_counter() - self._clock)
        memory = memory_peak(self.group.device)
        numbers = [f"{name} {value:.4e}" for name, value in losses.items()]
        numbers += [f"lr {rate:.2e}" if name == "G" else f"lr_{name} {rate:.2e}" for name, rate in rates.items()]
        numbers += [f"{speed:.2f} images/s"] + ([] if memory is None else [f"{memory / 1024:.2f} GiB"])
        text = "  ".join(numbers)
        bar.advance(0, text)
        self.log.line(f"iteration {self.step}/{self.settings.niter}  {text}{self._time_left()}")
        norms = {name: float(norm) for name, norm in result.norms.items()}
        self.log.event(
            "train",
            step=self.step,
            losses=losses,
            lr=rates,
            gradient_norm=norms,
            images_per_second=round(speed, 3),
            memory_mib=None if memory is None else round(memory, 1),
        )
        for line in self.monitor.update(losses, norms):
            self.log.note(f"iteration {self.step}: {line}", step=self.step)
        curves = {f"loss/{name}": value for name, value in losses.items()}
        curves |= {f"gradient_norm/{name}": norm for name, norm in norms.items()}
        curves |= {f"lr/{name}": rate for name, rate in rates.items()} | {"images_per_second": speed}
        self.log.scalars("train", self.step, curves)
        self._restart_clock()

    def _time_left(self) -> str:
        """The time of the remaining iterations at the current speed."""
        steps = self.settings.niter - self.step
        if not steps or not self._since:
            return ""
        return f"  about {duration((time.perf_counter() - self._clock) / self._since * steps)} left"

    def _restart_clock(self) -> None:
        self._clock, self._since = time.perf_counter(), 0

    def _validate(self) -> None:
        paused = time.perf_counter()
        scores = validate(self.setup, self.step, self.folder, self.log)
        self._clock += time.perf_counter() - paused
        metric, name = self.options.logger.best_by, primary_validation_set(self.options)
        if metric is not None and name is not None:
            value = scores[name][metric]
            if not math.isfinite(value):
                if self.log is not None:
                    self.log.note(
                        f"iteration {self.step}: {metric} {value} compares with no other step", step=self.step
                    )
            elif self.best is None or self.best.beaten_by(value):
                self.best = Best(metric, self.step, value)
                self._save()

    def _save(self) -> None:
        """Writes this step's checkpoint, once, and removes older ones as the options say."""
        if self._saved == self.step:
            return
        self._saved = self.step
        if not self.group.is_main and not is_sharded(self.settings, self.group):
            return
        paused = time.perf_counter()
        best = asdict(self.best) if self.best is not None else None
        facts = {"best": best, "processes": self.group.world, "validated": self._validated}
        checkpoint = take_snapshot(self.setup, self.step, facts)
        if self.log is None:
            return
        written = write_checkpoint(self.folder.checkpoints, checkpoint, self.options_text)
        keep = {}
        if self.best is not None:
            self.best.write(self.folder.checkpoints)
            keep[self.best.step] = "best"
        for _ in prune(self.folder.checkpoints, self.options.logger.keep_last, keep):
            pass
        self.log.line(f"iteration {self.step}: saved {written}")
        self.log.event("checkpoint", step=self.step, path=str(written))
        self._clock += time.perf_counter() - paused


def _channels_last(member: object) -> object:
    if isinstance(member, Tensor) and member.dim() == 4:
        return member.contiguous(memory_format=torch.channels_last)
    return member
