"""The folder of a run: where its files lie, which checkpoints it holds, and who may write in it."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refsr.core.atomic import explain_io, sweep, write_text
from refsr.core.errors import DataError, UsageError
from refsr.core.foreign_files import read_record
from refsr.core.locks import held
from refsr.core.options.schema import Options
from refsr.metrics import metric_named

COMPLETE = "COMPLETE.json"
"""The last file of a checkpoint that is written: it holds the digests of all others."""
BEST = "best.json"


@dataclass(frozen=True)
class RunFolder:
    """`<path.root>/experiments/<name>`."""

    path: Path

    @staticmethod
    def of(options: Options) -> RunFolder:
        return RunFolder(options.path.root / "experiments" / options.name)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def events(self) -> Path:
        """JSON lines for machines."""
        return self.path / "log.jsonl"

    @property
    def lines(self) -> Path:
        """The log for people."""
        return self.path / "log.txt"

    @property
    def images(self) -> Path:
        return self.path / "val_images"

    @property
    def used(self) -> bool:
        """Whether a run has been here."""
        return self.events.exists() or self.checkpoints.exists()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other runs out of the folder; the lock goes with the process, however it ends."""
        busy = UsageError(f"{self.path}: another run is writing here; give this one another name")
        with contextlib.ExitStack() as stack:
            with explain_io(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(self.path.parent / f".{self.path.name}.lock", busy))
            sweep(self.path)
            yield

    def forget_best(self) -> None:
        """Removes `best.json`; its checkpoint becomes one like the others."""
        with explain_io(self.checkpoints / BEST):
            (self.checkpoints / BEST).unlink(missing_ok=True)

    def archived(self) -> Path | None:
        """Renames the folder of an earlier run, as published, so that nothing is overwritten."""
        if not self.used:
            return None
        stamp = time.strftime("%y%m%d-%H%M%S")
        for number in range(100):
            target = self.path.with_name(f"{self.path.name}_archived_{stamp}{f'-{number}' if number else ''}")
            if not target.exists():
                with explain_io(self.path):
                    self.path.rename(target)
                return target
        raise UsageError(f"{self.path}: cannot be archived: all names are taken")


@dataclass(frozen=True)
class Best:
    """The best mean of a metric over a run's first validation set, and its step."""

    metric: str
    step: int
    value: float

    def beaten_by(self, value: float) -> bool:
        return value > self.value if metric_named(self.metric).better == "higher" else value < self.value

    def write(self, checkpoints: Path) -> None:
        """`best.json` beside the checkpoints names the step."""
        write_text(checkpoints / BEST, json.dumps(asdict(self)) + "\n")

    @staticmethod
    def of(facts: Mapping[str, Any]) -> Best | None:
        """The best that a checkpoint knew of."""
        found = facts.get("best")
        return Best(**found) if found else None


def is_complete(folder: Path) -> bool:
    """Whether the folder's marker is there; its files may be damaged all the same."""
    return (folder / COMPLETE).is_file()


def checkpoint_steps(folder: Path) -> list[int]:
    """The steps of the complete checkpoints in a run's `checkpoints`, oldest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(int(path.name) for path in found if re.fullmatch(r"[0-9]+", path.name) and is_complete(path))


def best_step(checkpoints: Path) -> int | None:
    """The step that `best.json` names, if its checkpoint is there."""
    try:
        step = int(read_record(checkpoints / BEST)["step"])
    except (DataError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return step if (checkpoints / str(step)).is_dir() else None
