"""Which model file a path means: the file itself, a name that comes along, or a folder's of a checkpoint or a run."""

from __future__ import annotations

from pathlib import Path

from refsr.core.bundled import WEIGHTS, located
from refsr.core.errors import DataError
from refsr.runs.best import best_step
from refsr.runs.checkpoint import AVERAGE, steps
from refsr.runs.run_folder import RunFolder


def weights_at(path: Path, letter: str = "G", averaged: bool = True) -> Path:
    """The model file that `path` is or names, or that its folder holds of a network, averaged first if wanted.

    Of a run that is its best checkpoint's, else its newest's.
    """
    path = located(path)
    if path.suffix in (".pth", ".pt") and path.is_file():
        raise DataError(f"{path}: is no model file of refsr; refsr import {path} makes one of published weights")
    if not path.is_dir():
        return path
    held = path
    if not any((path / f"{name}{WEIGHTS}").is_file() for name in (AVERAGE, "G", letter)):
        checkpoints = RunFolder(path).checkpoints
        found = steps(checkpoints)
        if not found:
            raise DataError(f"{path}: is no folder of a run with a checkpoint; expected one, or a {WEIGHTS} file")
        best = best_step(checkpoints)
        held = checkpoints / str(found[-1] if best is None else best)
    for name in (AVERAGE, letter) if letter == "G" and averaged else (letter,):
        if (held / f"{name}{WEIGHTS}").is_file():
            return held / f"{name}{WEIGHTS}"
    raise DataError(f"{held}: holds no weights of {letter}")
