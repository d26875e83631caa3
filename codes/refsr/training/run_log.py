"""The log of a run: log.txt and log.jsonl, and what its trackers get."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from refsr.core.atomic import explain_io, write_text
from refsr.core.memory import peak_memory
from refsr.core.options.schema import Options
from refsr.runs.run_folder import RunFolder
from refsr.training.trackers import Ending, Trackers

logger = logging.getLogger("refsr.run")


class RunLog:
    """The log of the main process, opened at the step at which a run starts or resumes."""

    def __init__(self, folder: RunFolder, first: int, options: Options) -> None:
        self._folder = folder
        reached: dict[str, int] = {}
        with explain_io(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            if folder.events.exists():
                logged = _events(folder.events.read_text(encoding="utf-8"))
                for _, kind, step in logged:
                    reached[kind] = max(step, reached.get(kind, 0))
                write_text(folder.events, "".join(line for line, _, step in logged if step < first))
            self._events = folder.events.open("a", encoding="utf-8", errors="backslashreplace")
            self._lines = folder.lines.open("a", encoding="utf-8", errors="backslashreplace")
        self._trackers = Trackers(folder, options, first, reached, self.note)

    def event(self, kind: str, **facts: Any) -> None:
        """A JSON line in log.jsonl."""
        line = json.dumps({"kind": kind, "time": round(time.time(), 3), **facts}, default=str)
        with explain_io(self._folder.events):
            self._events.write(line + "\n")
            self._events.flush()

    def line(self, text: str) -> None:
        """A line in log.txt and on the console."""
        logger.info("%s", text)
        with explain_io(self._folder.lines):
            self._lines.write(f"{time.strftime('%y-%m-%d %H:%M:%S')}  {text}\n")
            self._lines.flush()

    def note(self, text: str, **facts: Any) -> None:
        """A line and event that reports repeat."""
        self.line(text)
        self.event("note", text=text, **facts)

    def scalars(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Points of curves, which belong to the event of that kind and step."""
        self._trackers.scalars(kind, step, values)

    def image(self, kind: str, step: int, name: str, image: npt.NDArray[np.uint8]) -> None:
        """An image (H, W, 3) for the trackers."""
        self._trackers.image(kind, step, name, image)

    def close(self, ending: Ending) -> None:
        self._trackers.finish(ending)
        self._events.close()
        self._lines.close()


def memory_peak(device: torch.device) -> float | None:
    """Peak memory so far in MiB: the GPU's where there is one, else the process's, where the system counts it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = peak_memory()
    return None if peak is None else peak / 2**20


def _events(text: str) -> list[tuple[str, str, int]]:
    """The JSON lines with their kinds and steps, without incomplete ones."""
    kept = []
    for line in text.splitlines(keepends=True):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if line.endswith("\n") and isinstance(event, dict):
            kept.append((line, event.get("kind", ""), event.get("step", 0)))
    return kept
