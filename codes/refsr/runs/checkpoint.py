"""Checkpoints: folders that are whole or not there, with a digest of every file, and which of them to go on from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from refsr.core.atomic import atomic_folder, write_text
from refsr.core.digests import file_digest
from refsr.core.errors import DataError, suggestion
from refsr.core.foreign_files import read_record
from refsr.core.registry import MODEL_SUFFIX
from refsr.runs.model_file import ModelCard, read_card, read_tensors, write_model, write_tensors
from refsr.runs.run_folder import COMPLETE, checkpoint_steps, is_complete

FORMAT = "refsr-checkpoint-1"
STATE = "state.json"
OPTIMISER = ".optimiser.safetensors"


@dataclass
class Checkpoint:
    """All that an exact resume needs."""

    step: int
    weights: dict[str, dict[str, Tensor]]
    """Networks by letter; the averaged copy of G is `G_ema`."""
    cards: dict[str, ModelCard]
    optimisers: dict[str, dict[str, Tensor]]
    facts: dict[str, Any] = field(default_factory=dict)
    """Plain data: the best value so far, the loss scale, what the run must agree on."""


def write_checkpoint(folder: Path, checkpoint: Checkpoint, options: str) -> Path:
    """`checkpoint` as `folder/STEP`, staged, synced and renamed."""
    target = folder / str(checkpoint.step)
    if target.exists():
        # Only a folder without its marker can be here, since a run that goes on sets later checkpoints aside.
        shutil.rmtree(target)
    with atomic_folder(target) as staged:
        for key, weights in checkpoint.weights.items():
            write_model(staged / f"{key}{MODEL_SUFFIX}", weights, checkpoint.cards[key])
        for key, tensors in checkpoint.optimisers.items():
            write_tensors(staged / f"{key}{OPTIMISER}", tensors, {"format": FORMAT})
        state = {"format": FORMAT, "step": checkpoint.step, **checkpoint.facts}
        write_text(staged / STATE, json.dumps(state, indent=1) + "\n")
        write_text(staged / "options.yml", options)
        digests = {file.name: file_digest(file) for file in sorted(staged.iterdir())}
        write_text(staged / COMPLETE, json.dumps(digests, indent=1) + "\n")
    return target


def read_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`, every byte of it as it was written; anything else is a DataError."""
    for name, digest in _digests(folder).items():
        try:
            found = file_digest(folder / name)
        except OSError as error:
            raise DataError(f"{folder}: {name} cannot be read: {error.strerror or error}") from error
        if found != digest:
            raise DataError(f"{folder}: {name} is damaged")
    facts = read_record(folder / STATE)
    if not isinstance(facts, dict) or facts.pop("format", None) != FORMAT:
        raise DataError(f"{folder}: is a checkpoint of another version of refsr")
    if not isinstance(step := facts.pop("step", None), int):
        raise DataError(f"{folder}: {STATE} names no step")
    checkpoint = Checkpoint(step, {}, {}, {}, facts)
    for file in sorted(folder.glob(f"*{MODEL_SUFFIX}")):
        tensors, header = read_tensors(file)
        if file.name.endswith(OPTIMISER):
            checkpoint.optimisers[file.name.removesuffix(OPTIMISER)] = tensors
        else:
            key = file.name.removesuffix(MODEL_SUFFIX)
            checkpoint.weights[key], checkpoint.cards[key] = tensors, read_card(header, file)
    return checkpoint


def newest_readable(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that can be read; `warn` gets a line for each newer one that cannot."""
    for step in reversed(checkpoint_steps(folder)):
        try:
            return read_checkpoint(folder / str(step))
        except DataError as error:
            warn(f"{error}; the checkpoint before it is used")
    return None


def set_aside(folder: Path, after: int) -> list[Path]:
    """Renames the checkpoints of steps beyond `after`, which are no part of the run that goes on from there."""
    moved = []
    for step in checkpoint_steps(folder):
        if step > after:
            source = folder / str(step)
            names = (folder / f"{step}.superseded{number or ''}" for number in range(1000))
            moved.append(source.rename(next(name for name in names if not name.exists())))
    return moved


def checkpoint_at(path: Path) -> Checkpoint:
    """The checkpoint that `path.resume_state` names: its folder, or any file in it."""
    folder = path if path.is_dir() else path.parent
    if path.suffix == ".state":
        raise DataError(f"{path}: is a training state of the published code, which holds no exact resume; start anew")
    if not path.exists():
        near = suggestion(path.name, [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else [])
        raise DataError(f"{path}: no such checkpoint{near}")
    if not is_complete(folder):
        raise DataError(f"{folder}: is no complete checkpoint (it has no {COMPLETE})")
    return read_checkpoint(folder)


def prune(folder: Path, keep_last: int | None, keep: Mapping[int, str]) -> Iterator[int]:
    """Removes all but the newest `keep_last` checkpoints and those in `keep`; yields the steps that went."""
    if keep_last is None:
        return
    for step in checkpoint_steps(folder)[:-keep_last]:
        if step not in keep:
            # Without its marker a half-removed checkpoint is none.
            (folder / str(step) / COMPLETE).unlink()
            shutil.rmtree(folder / str(step), ignore_errors=True)
            yield step


def _digests(folder: Path) -> dict[str, str]:
    digests = read_record(folder / COMPLETE)
    if (
        not isinstance(digests, dict)
        or STATE not in digests
        or not all(Path(name).name == name and "\0" not in name for name in digests)
        or not all(isinstance(one, str) for one in digests.values())
    ):
        raise DataError(f"{folder}: {COMPLETE} is damaged")
    return digests
