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
    problems = _read_results_folders(run, stored.results_folders(folder))
    if run.log is None and not run.results_folders:
        if problems:
            raise DataError(problems[0])
        raise DataError(
            f"{path}: contains neither {training.FILE} nor {stored.FOLDER}/*/{stored.FILE}; refsr train or refsr val "
            "writes them"
        )
    run.problems += problems
    return run


def read_results(folder: Path) -> ResultsFolder:
    """Reads one data set's results."""
    try:
        return ResultsFolder(folder, Results.read(folder))
    except OSError as error:
        raise DataError(f"{folder / stored.FILE}: {error.strerror or error}") from error


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


def _distinct(names: list[str], folders: list[Path]) -> list[str]:
    """Distinct names: equal ones get a parent folder or a number added."""
    labels = []
    for place, (name, folder) in enumerate(zip(names, folders, strict=True)):
        if names.count(name) == 1:
            labels.append(name)
            continue
        parents = [part for part in folder.resolve().parts if part not in ("/", "experiments", stored.FOLDER, name)]
        hint = parents[-1] if parents else str(place + 1)
        labels.append(f"{name} ({hint})")
    return [name if labels.count(name) == 1 else f"{name} #{place + 1}" for place, name in enumerate(labels)]


def _folders(parent: Path) -> list[str]:
    try:
        return [one.name for one in parent.iterdir() if one.is_dir()]
    except OSError:
        return []
