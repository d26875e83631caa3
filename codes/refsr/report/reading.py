"""Runs as they lie on disk: options, log and results, each of which may be absent, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refsr.core.errors import DataError, suggestion
from refsr.evaluation import results as stored
from refsr.evaluation.results import Results
from refsr.report import log as training
from refsr.report.log import Log, read_log

OPTIONS_FILE = "options.yml"
RESULTS_FOLDER = "results"


@dataclass
class Measured:
    """The results of one data set and the folder that its pictures are relative to."""

    folder: Path
    results: Results


@dataclass
class Run:
    """One training or validation, as far as it is there."""

    name: str
    folder: Path
    options: str | None = None
    log: Log | None = None
    measured: list[Measured] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    """What is missing or damaged, a line each."""


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs at `paths`, each once, under names that tell them apart."""
    runs: list[Run] = []
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() not in seen:
            seen.add(path.resolve())
            runs.append(read_run(path))
    for run, name in zip(runs, _distinct([run.name for run in runs], [run.folder for run in runs]), strict=True):
        run.name = name
    return runs


def read_run(path: Path) -> Run:
    """A run's folder, one of its results' folders, or the `results.json` in one."""
    folder = path.parent if path.name == stored.FILE and path.is_file() else path
    if not folder.is_dir():
        what = "is a file, not a run's folder" if folder.exists() else "no such run"
        raise DataError(f"{path}: {what}{suggestion(path.name, _folders(path.parent))}")
    if (folder / stored.FILE).is_file():
        measured = read_results(folder)
        return Run(measured.results.run or folder.name, folder, measured=[measured])
    run = Run(folder.resolve().name, folder)
    _read_training(run)
    problems = _read_measured(run, _results_folders(folder))
    if run.log is None and not run.measured:
        if problems:
            raise DataError(problems[0])
        raise DataError(
            f"{path}: holds neither {training.FILE} nor {RESULTS_FOLDER}/*/{stored.FILE}; refsr train or refsr val "
            "writes them"
        )
    run.gaps += problems
    return run


def read_results(folder: Path) -> Measured:
    """One data set's results, checked as far as the page relies on them."""
    try:
        results = Results.read(folder)
    except OSError as error:
        raise DataError(f"{folder / stored.FILE}: {error.strerror or error}") from error
    problem = _problem(results)
    if problem:
        raise DataError(f"{folder / stored.FILE}: is damaged: {problem}")
    return Measured(folder, results)


def _read_training(run: Run) -> None:
    for name, required in ((OPTIONS_FILE, False), (training.FILE, True)):
        file = run.folder / name
        try:
            if name == OPTIONS_FILE:
                run.options = file.read_text(encoding="utf-8")
            elif file.is_file():
                run.log = read_log(file)
                run.gaps += run.log.gaps
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, DataError) as error:
            run.gaps.append(f"{name} cannot be read{' (no curves)' if required else ''}: {error}")
    if run.log is None:
        run.gaps.append("no training log here, so no curves: this run was only validated")


def _read_measured(run: Run, folders: Iterable[Path]) -> list[str]:
    problems = []
    for folder in folders:
        try:
            run.measured.append(read_results(folder))
        except DataError as error:
            problems.append(str(error))
    if not run.measured and not problems:
        run.gaps.append("not validated yet, so no table and no cases: refsr val measures it")
    return problems


def _results_folders(folder: Path) -> list[Path]:
    """Where results lie: below `results`, or right below a folder that is such a one."""
    below = folder / RESULTS_FOLDER
    return sorted(file.parent for file in (below if below.is_dir() else folder).glob(f"*/{stored.FILE}"))


def _problem(results: Results) -> str:
    """What of a results file is not as it should be; empty if nothing."""
    kinds = (results.protocols, results.metrics, results.pictures, results.about)
    if not all(isinstance(one, dict) for one in kinds) or not isinstance(results.methods, list):
        return "a part is not what it should be"
    texts = [results.run, results.dataset, *results.methods, *results.protocols, *results.metrics]
    if not all(isinstance(one, str) for one in texts):
        return "names that are no text"
    if not isinstance(results.scale, int):
        return "its scale is no number"
    if not all(isinstance(one, dict) for one in (*results.metrics.values(), *results.pictures.values())):
        return "a part is not what it should be"
    if not all(isinstance(name, str) for named in results.pictures.values() for name in named.values()):
        return "pictures that are no file names"
    for score in results.scores:
        if not all(isinstance(one, str) for one in (score.image, score.method, score.protocol, score.metric)):
            return "names that are no text"
        if score.method not in results.methods:
            return f"a score of {score.method!r}, which is not among its methods"
    return ""


def _distinct(names: list[str], folders: list[Path]) -> list[str]:
    """Names with as much of their folders as tells equal ones apart."""
    told = []
    for place, (name, folder) in enumerate(zip(names, folders, strict=True)):
        if names.count(name) == 1:
            told.append(name)
            continue
        parents = [part for part in folder.resolve().parts if part not in ("/", "experiments", RESULTS_FOLDER, name)]
        hint = parents[-1] if parents else str(place + 1)
        told.append(f"{name} ({hint})")
    return [name if told.count(name) == 1 else f"{name} #{place + 1}" for place, name in enumerate(told)]


def _folders(parent: Path) -> list[str]:
    try:
        return [one.name for one in parent.iterdir() if one.is_dir()]
    except OSError:
        return []
