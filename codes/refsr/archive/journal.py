"""The journal of an archive: a JSON object a line for what happened, and what it says of the state of all scenes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refsr.core.atomic import explain_io
from refsr.core.errors import DataError
from refsr.core.foreign_files import parse_json
from refsr.core.progress import duration

BEGUN, DONE, BLOCKS, RETRY, ASIDE, ENDED = "begun", "scene", "blocks", "retry", "set aside", "ended"


class Journal:
    """Appends to the journal; each line is whole or, as the last one of a process that was killed, cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with explain_io(path):
            cut = _ends_within_a_line(path)
            self._file = path.open("a", encoding="utf-8")
            if cut:
                self._file.write("\n")

    def add(self, event: str, **about: Any) -> None:
        line = {"time": round(time.time(), 3), "event": event, **about}
        with explain_io(self._path):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def _ends_within_a_line(path: Path) -> bool:
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as handle:
        handle.seek(-1, os.SEEK_END)
        return handle.read() != b"\n"


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal; those that were cut off are left out."""
    with explain_io(path), path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                found = parse_json(line, path)
            except DataError:
                continue
            if isinstance(found, dict) and "event" in found:
                yield found


@dataclass
class ArchiveState:
    """What a journal says of an archive."""

    total: int = 0
    """Scenes of the catalog."""
    done: int = 0
    began: float = 0.0
    """When the newest command began, in seconds since 1970."""
    last: float = 0.0
    ended: bool = False
    before: int = 0
    """Scenes that were done before it."""
    megapixels: float = 0.0
    """Restored by it, in pixels of results."""
    blocks: int = 0
    aside: dict[str, str] = field(default_factory=dict)
    """Scenes that could not be restored, and why."""
    aside_bounds: dict[str, list[float]] = field(default_factory=dict)
    """Where they lie in degrees, of those of which it is known."""
    retried: dict[str, str] = field(default_factory=dict)
    """Scenes that are tried again, and why."""

    @property
    def seconds(self) -> float:
        """How long the newest command has worked."""
        return max(self.last - self.began, 0.0)

    def sentence(self) -> str:
        """Counts, speed and time left."""
        left = self.total - self.done - len(self.aside)
        words = [f"{self.done} of {self.total} scenes done, {left} left, {len(self.aside)} set aside"]
        if self.seconds and self.megapixels:
            words.append(f"{self.megapixels / self.seconds:.4g} megapixels a second")
        worked = self.done - self.before
        if left and worked and self.seconds and not self.ended:
            words.append(f"about {duration(self.seconds / worked * left)} left")
        return "; ".join(words)


def archive_state(path: Path) -> ArchiveState:
    """The state that a journal ends with."""
    state = ArchiveState()
    for line in read_journal(path):
        event, state.last = line["event"], float(line.get("time", state.last))
        name = str(line.get("name", ""))
        if event == BEGUN:
            before = int(line.get("done", 0))
            state = ArchiveState(int(line.get("scenes", 0)), before, state.last, state.last, before=before)
        elif event == DONE:
            state.done += 1
            state.megapixels += float(line.get("megapixels", 0))
            state.retried.pop(name, None)
        elif event == BLOCKS:
            state.blocks += int(line.get("blocks", 0))
        elif event == RETRY:
            state.retried[name] = str(line.get("reason", ""))
        elif event == ASIDE:
            state.retried.pop(name, None)
            state.aside[name] = str(line.get("reason", ""))
            if line.get("bounds"):
                state.aside_bounds[name] = line["bounds"]
        elif event == ENDED:
            state.ended = True
    return state
