"""How a network bears what can happen to its reference: a little more of each, until another place's image is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.perturbation import Perturbation
from refsr.evaluation.kept import measured_once
from refsr.evaluation.plan import Plan
from refsr.evaluation.results import Results
from refsr.runs.process_group import Group


@dataclass(frozen=True)
class Axis:
    """One thing that happens, by how much."""

    kind: str
    about: str
    across: str
    amounts: tuple[float, ...]

    @property
    def perturbations(self) -> list[Perturbation]:
        return [Perturbation(self.kind, amount) for amount in self.amounts]


AXES = (
    Axis("shift", "Shift", "HR pixels", (1, 2, 4, 8, 16, 32)),
    Axis("rotate", "Rotation", "degrees", (0.5, 1, 2, 4, 8)),
    Axis("scale", "Scale", "percent", (1, 2, 4, 8, 16)),
    Axis("down", "Reduced resolution", "times", (2, 4, 8)),
    Axis("recolour", "Colour change", "percent", (25, 50, 75, 100)),
    Axis("haze", "Haze", "percent of the light", (20, 40, 60, 80)),
    Axis("clouds", "Clouds", "percent of the ground", (10, 25, 50, 75, 100)),
    Axis("change", "Changed ground", "percent of the ground", (10, 25, 50, 75, 100)),
)
EXTREMES = (Perturbation("swap"), Perturbation("blank"))
"""Another place altogether, and nothing."""


def conditions() -> list[Perturbation]:
    """All that is tried."""
    return [*EXTREMES, *(perturb for axis in AXES for perturb in axis.perturbations)]


def stressed(
    run: Path, dataset: str | None, plan: Plan, group: Group, progress: ProgressFactory = no_progress
) -> Results:
    """A run's scores under all conditions on one of its sets; what was measured before of the same weights is kept."""
    options = run_options(run)
    name = _chosen(options, dataset, run)
    asked = replace(plan, ablations=conditions())
    return measured_once(run, options, name, asked, run / "stress" / name, group, progress)


def run_options(run: Path) -> Options:
    """What a run was told."""
    file = run / "options.yml"
    if not file.is_file():
        raise DataError(f"{run}: is no run's folder, it has no options.yml")
    return load_options(file)


def _chosen(options: Options, asked: str | None, run: Path) -> str:
    there = [name for name in options.datasets if name != "train"]
    if asked is None:
        if not there:
            raise UsageError(f"{run}: its options have no set to measure on (datasets.test)")
        return "test" if "test" in there else there[-1]
    if asked not in there:
        raise UsageError(f"--dataset {asked}: {run} has {', '.join(there) or 'none'}{suggestion(asked, there)}")
    return asked
