"""The bench: several systems under one budget on the same data: checked to be comparable, trained, measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refsr.core.atomic import write_text
from refsr.core.errors import DataError, OptionsError, RefsrError, UsageError, suggestion
from refsr.core.foreign_files import read_record
from refsr.core.options.bench import BenchOptions, SystemOptions
from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.core.options.show import plain, show
from refsr.core.progress import ProgressFactory, no_progress
from refsr.evaluation.evaluate import EvaluationOptions, evaluate_run
from refsr.runs.process_group import Group
from refsr.runs.run_folder import RunFolder, checkpoint_steps
from refsr.training.dry_run import seconds_a_step
from refsr.training.trainer import TrainingResult, train

BUDGET_FILE = "budget.json"
"""Iterations by system, computed once, so that a stopped bench resumes with the same numbers."""

SHARED_KEYS = (
    "scale", "seed", "datasets.train.dataroot_GT", "datasets.train.dataroot_LQ", "datasets.train.GT_size",
    "datasets.train.batch_size", "datasets.{set}.dataroot_GT", "datasets.{set}.dataroot_LQ", "datasets.{set}.lr",
)  # fmt: skip
"""Options that all systems must share, so that their numbers are comparable."""


@dataclass(frozen=True)
class System:
    """One system, ready to be trained."""

    name: str
    options: Options

    @property
    def run(self) -> RunFolder:
        return RunFolder.of(self.options)


def plan_systems(bench: BenchOptions, words: Sequence[str], root: Path) -> list[System]:
    """The systems below `root`; errors are found before anything is trained."""
    niter = {} if bench.iterations is None else dict.fromkeys(bench.systems, bench.iterations)
    return _require_comparable(bench, _systems(bench, words, root, niter))


def within_minutes(
    bench: BenchOptions, words: Sequence[str], root: Path, systems: Sequence[System], group: Group
) -> list[System]:
    """The systems with as many iterations as fit into the bench's minutes, by each one's speed here."""
    return _systems(bench, words, root, _budget(bench, systems, root, group))


def _systems(bench: BenchOptions, words: Sequence[str], root: Path, niter: Mapping[str, int]) -> list[System]:
    return [
        System(name, _options(bench, name, one, words, root, niter.get(name))) for name, one in bench.systems.items()
    ]


def _options(
    bench: BenchOptions, name: str, system: SystemOptions, words: Sequence[str], root: Path, niter: int | None
) -> Options:
    put_over = [*bench.overrides, *words, f"name={name}", f"path.root={root}", "path.auto_resume=true"]
    put_over += [] if niter is None else [f"train.niter={niter}"]
    if system.start is not None:
        put_over.append(f"path.pretrain_model_G={root / 'experiments' / system.start}")
    try:
        options = load_options(system.options, [*put_over, *system.overrides])
    except OptionsError as error:
        raise UsageError(f"system {name}: {error}") from error
    if options.train is None:
        raise UsageError(f"system {name}: {system.options} has no section train, so it cannot be benched")
    if bench.dataset not in options.datasets:
        known = [one for one in options.datasets if one != "train"]
        hint = suggestion(bench.dataset, known)
        raise UsageError(f"system {name}: {system.options} has no datasets.{bench.dataset} to measure on{hint}")
    return options


def _require_comparable(bench: BenchOptions, systems: list[System]) -> list[System]:
    """The systems; a UsageError that names all options by which their numbers are not comparable."""
    problems = []
    for key in (one.format(set=bench.dataset) for one in SHARED_KEYS):
        values = {one.name: _value(plain(one.options), key) for one in systems}
        if len({json.dumps(value) for value in values.values()}) > 1:
            values_text = ", ".join(f"{value} ({name})" for name, value in values.items())
            problems.append(f"{key} differs: {values_text}; put {key}=VALUE in the overrides of the bench")
    if problems:
        raise UsageError("\n".join(problems))
    return systems


def _value(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content[part]
    return content


def _budget(bench: BenchOptions, systems: Sequence[System], root: Path, group: Group) -> dict[str, int]:
    """Iterations by system, as they were computed the first time."""
    assert bench.minutes is not None
    file = root / BUDGET_FILE
    found = _kept_budget(file, bench.minutes) if file.exists() else {}
    for system in systems:
        if system.name not in found:
            found[system.name] = max(1, int(bench.minutes * 60 / seconds_a_step(system.options, group)))
    if group.is_main:
        write_text(file, json.dumps({"minutes": bench.minutes, "iterations": found}, indent=1) + "\n")
    return found


def _kept_budget(file: Path, minutes: float) -> dict[str, int]:
    content = read_record(file, "budget of a bench")
    try:
        found = {str(name): int(count) for name, count in content["iterations"].items()}
        if content["minutes"] != minutes:
            return {}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(f"{file}: is no budget of a bench ({error}); remove it, and it is measured anew") from error
    if any(count < 1 for count in found.values()):
        raise DataError(f"{file}: has a budget below one iteration; remove it, and it is measured anew")
    return found


def train_systems(
    systems: Sequence[System], group: Group, progress: ProgressFactory = no_progress
) -> Iterator[TrainingResult]:
    """Trains what is not trained yet, one after the other; the caller stops where a run was stopped."""
    for system in systems:
        assert system.options.train is not None
        folder, niter = system.run, system.options.train.niter
        if niter in checkpoint_steps(folder.checkpoints):
            _require_same_options(system)
            yield TrainingResult(folder.path, niter)
        else:
            yield train(system.options, group, progress)


def _require_same_options(system: System) -> None:
    """A finished run is reused only if it was trained with the same options."""
    before = (system.run.path / "options.yml").read_text(encoding="utf-8").splitlines()
    now = show(system.options).splitlines()
    if before != now:
        line = next((b for a, b in zip(before, now, strict=False) if a != b), "(lines at the end)").strip()
        raise RefsrError(
            f"{system.run.path}: was trained with other options than {system.name} has now (first: {line}); "
            "remove it, or take another folder with -o"
        )


def measure_systems(
    systems: Sequence[System],
    bench: BenchOptions,
    what: EvaluationOptions,
    group: Group,
    progress: ProgressFactory = no_progress,
) -> None:
    """Measures trained systems into their run folders; pretrained baselines only with the first one."""
    for system in systems:
        folder = system.run.path / "results" / bench.dataset
        evaluate_run(system.run.path, system.options, bench.dataset, what, folder, group, progress)
        what = replace(what, pretrained={})
