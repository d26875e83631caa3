"""The log of a run: log.txt, log.jsonl and TensorBoard curves."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from refsr.core.atomic import explain_io, write_text
from refsr.runs.run_folder import RunFolder

logger = logging.getLogger("refsr.run")


class RunLog:
    """The log of the main process, opened at the step at which a run starts or resumes."""

    def __init__(self, folder: RunFolder, first: int, curves: bool) -> None:
        self._folder = folder
        self._curves: Any = None
        with explain_io(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            if folder.events.exists():
                write_text(folder.events, "".join(_until(folder.events.read_text(encoding="utf-8"), first)))
            self._events = folder.events.open("a", encoding="utf-8", errors="backslashreplace")
            self._lines = folder.lines.open("a", encoding="utf-8", errors="backslashreplace")
        if curves:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._curves = SummaryWriter(str(folder.path / "tensorboard"), purge_step=first)

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

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Points of TensorBoard curves."""
        if self._curves is not None:
            for name, value in values.items():
                self._curves.add_scalar(name, value, step)

    def image(self, step: int, name: str, image: npt.NDArray[np.uint8]) -> None:
        """An image (H, W, 3) for TensorBoard."""
        if self._curves is not None:
            self._curves.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        self._events.close()
        self._lines.close()
        if self._curves is not None:
            self._curves.close()


def memory_peak(device: torch.device) -> float:
    """Peak memory so far in MiB: the GPU's where there is one, else the process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**10 if sys.platform != "darwin" else 2**20)


def _until(text: str, first: int) -> list[str]:
    """The JSON lines of steps before `first`, without incomplete ones."""
    kept = []
    for line in text.splitlines(keepends=True):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if line.endswith("\n") and isinstance(event, dict) and event.get("step", 0) < first:
            kept.append(line)
    return kept
