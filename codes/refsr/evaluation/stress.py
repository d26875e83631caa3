"""The stress test: a run's scores with its reference perturbed in many ways, by increasing amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.perturbation import Perturbation
from refsr.evaluation.evaluate import EvaluationOptions, evaluate_run
from refsr.evaluation.results import Results
from refsr.runs.process_group import Group


@dataclass(frozen=True)
class PerturbationSweep:
    """One kind of perturbation by increasing amounts."""

    kind: str
    about: str
    unit: str
    amounts: tuple[float, ...]

    @property
    def perturbations(self) -> list[Perturbation]:
        return [Perturbation(self.kind, amount) for amount in self.amounts]


SWEEPS = (
    PerturbationSweep("shift", "Shift", "HR pixels", (1, 2, 4, 8, 16, 32)),
    PerturbationSweep("rotate", "Rotation", "degrees", (0.5, 1, 2, 4, 8)),
    PerturbationSweep("scale", "Scale", "percent", (1, 2, 4, 8, 16)),
    PerturbationSweep("down", "Reduced resolution", "times", (2, 4, 8)),
    PerturbationSweep("recolour", "Colour change", "percent", (25, 50, 75, 100)),
    PerturbationSweep("haze", "Haze", "percent of the light", (20, 40, 60, 80)),
    PerturbationSweep("clouds", "Clouds", "percent of the ground", (10, 25, 50, 75, 100)),
    PerturbationSweep("change", "Changed ground", "percent of the ground", (10, 25, 50, 75, 100)),
)
EXTREMES = (Perturbation("swap"), Perturbation("blank"))
"""Another place's reference, and none."""


def all_perturbations() -> list[Perturbation]:
    """Every perturbation of the stress test."""
    return [*EXTREMES, *(one for sweep in SWEEPS for one in sweep.perturbations)]


def stress_run(
    run: Path,
    dataset: str | None,
    what: EvaluationOptions,
    group: Group,
    progress: ProgressFactory = no_progress,
    register: str | None = None,
) -> Results:
    """A run's scores under all perturbations on one of its data sets; stored results of the same weights are reused.

    With `register`, references are registered so, after they are perturbed.
    """
    options = run_options(run)
    name = chosen_dataset(options, dataset, run)
    folder = name
    if register is not None:
        options, folder = run_options(run, [f"datasets.{name}.register={register}"]), f"{name}_register_{register}"
    what = replace(what, ablations=all_perturbations())
    return evaluate_run(run, options, name, what, run / "stress" / folder, group, progress)


def run_options(run: Path, overrides: Sequence[str] = ()) -> Options:
    """The options of a run."""
    file = run / "options.yml"
    if not file.is_file():
        raise DataError(f"{run}: is no run folder, it has no options.yml")
    return load_options(file, overrides)


def chosen_dataset(options: Options, asked: str | None, run: Path) -> str:
    """The data set of a run that is asked for, else its test set, else its last one."""
    there = [name for name in options.datasets if name != "train"]
    if asked is None:
        if not there:
            raise UsageError(f"{run}: its options have no set to measure on (datasets.test)")
        return "test" if "test" in there else there[-1]
    if asked not in there:
        raise UsageError(f"--dataset {asked}: {run} has {', '.join(there) or 'none'}{suggestion(asked, there)}")
    return asked
