"""Reads runs from disk: options, log and results, each of which may be missing or damaged."""

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
class ResultsFolder:
    """The results on one data set, and the folder that its pictures are relative to."""

    folder: Path
    results: Results


@dataclass
class RunRecord:
    """What was found of one training or validation run."""

    name: str
    folder: Path
    options: str | None = None
    log: Log | None = None
    results_folders: list[ResultsFolder] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is missing or damaged, one line each."""


def read_runs(paths: Sequence[Path]) -> list[RunRecord]:
    """The runs at `paths`, without duplicates, under distinct names."""
    runs: list[RunRecord] = []
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() not in seen:
            seen.add(path.resolve())
            runs.append(read_run(path))
    for run, name in zip(runs, _distinct([run.name for run in runs], [run.folder for run in runs]), strict=True):
        run.name = name
    return runs


def read_run(path: Path) -> RunRecord:
    """Reads a run's folder, one of its results folders, or the `results.json` in one."""
    folder = path.parent if path.name == stored.FILE and path.is_file() else path
    if not folder.is_dir():
        what = "is a file, not a run folder" if folder.exists() else "no such run"
        raise DataError(f"{path}: {what}{suggestion(path.name, _folders(path.parent))}")
    if (folder / stored.FILE).is_file():
        entry = read_results(folder)
        return RunRecord(entry.results.run or folder.name, folder, results_folders=[entry])
    run = RunRecord(folder.resolve().name, folder)
    _read_training(run)
    problems = _read_results_folders(run, _results_folders(folder))
    if run.log is None and not run.results_folders:
        if problems:
            raise DataError(problems[0])
        raise DataError(
            f"{path}: contains neither {training.FILE} nor {RESULTS_FOLDER}/*/{stored.FILE}; refsr train or refsr val "
            "writes them"
        )
    run.problems += problems
    return run


def read_results(folder: Path) -> ResultsFolder:
    """Reads one data set's results and checks what the page relies on."""
    try:
        results = Results.read(folder)
    except OSError as error:
        raise DataError(f"{folder / stored.FILE}: {error.strerror or error}") from error
    problem = _problem(results)
    if problem:
        raise DataError(f"{folder / stored.FILE}: is damaged: {problem}")
    return ResultsFolder(folder, results)


def _read_training(run: RunRecord) -> None:
    for name, required in ((OPTIONS_FILE, False), (training.FILE, True)):
        file = run.folder / name
        try:
            if name == OPTIONS_FILE:
                run.options = file.read_text(encoding="utf-8")
            elif file.is_file():
                run.log = read_log(file)
                run.problems += run.log.problems
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, DataError) as error:
            run.problems.append(f"{name} cannot be read{' (no curves)' if required else ''}: {error}")
    if run.log is None:
        run.problems.append("no training log, so no curves: this run was only validated")


def _read_results_folders(run: RunRecord, folders: Iterable[Path]) -> list[str]:
    problems = []
    for folder in folders:
        try:
            run.results_folders.append(read_results(folder))
        except DataError as error:
            problems.append(str(error))
    if not run.results_folders and not problems:
        run.problems.append("not validated yet, so no table and no examples: run refsr val")
    return problems


def _results_folders(folder: Path) -> list[Path]:
    """Folders with results: below `results`, or directly below a `results` folder."""
    below = folder / RESULTS_FOLDER
    return sorted(file.parent for file in (below if below.is_dir() else folder).glob(f"*/{stored.FILE}"))


def _problem(results: Results) -> str:
    """What is wrong with a results file; empty if nothing."""
    kinds = (results.protocols, results.metrics, results.pictures, results.about)
    if not all(isinstance(one, dict) for one in kinds) or not isinstance(results.methods, list):
        return "an entry has the wrong type"
    texts = [results.run, results.dataset, *results.methods, *results.protocols, *results.metrics]
    if not all(isinstance(one, str) for one in texts):
        return "a name is not text"
    if not isinstance(results.scale, int):
        return "its scale is not a whole number"
    if not all(isinstance(one, dict) for one in (*results.metrics.values(), *results.pictures.values())):
        return "an entry has the wrong type"
    if not all(isinstance(name, str) for named in results.pictures.values() for name in named.values()):
        return "a picture is not a file name"
    for score in results.scores:
        if not all(isinstance(one, str) for one in (score.image, score.method, score.protocol, score.metric)):
            return "a name is not text"
        if score.method not in results.methods:
            return f"a score of {score.method!r}, which is not among its methods"
    return ""


def _distinct(names: list[str], folders: list[Path]) -> list[str]:
    """Distinct names: equal ones get a parent folder or a number added."""
    labels = []
    for place, (name, folder) in enumerate(zip(names, folders, strict=True)):
        if names.count(name) == 1:
            labels.append(name)
            continue
        parents = [part for part in folder.resolve().parts if part not in ("/", "experiments", RESULTS_FOLDER, name)]
        hint = parents[-1] if parents else str(place + 1)
        labels.append(f"{name} ({hint})")
    return [name if labels.count(name) == 1 else f"{name} #{place + 1}" for place, name in enumerate(labels)]


def _folders(parent: Path) -> list[str]:
    try:
        return [one.name for one in parent.iterdir() if one.is_dir()]
    except OSError:
        return []
