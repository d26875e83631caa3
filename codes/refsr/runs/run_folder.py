"""The folder of a run: what of an earlier run it holds, who may write in it, and what it is called."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refsr.core.atomic import explain_io, sweep
from refsr.core.errors import UsageError
from refsr.core.options.schema import Options


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
        import fcntl

        with explain_io(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = (self.path.parent / f".{self.path.name}.lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"{self.path}: another run is writing here; give this one another name") from None
            sweep(self.path)
            yield

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
