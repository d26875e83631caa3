"""Reads a run's `log.jsonl` as series over iterations; truncated lines and repeated iterations are dropped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError

FILE = "log.jsonl"


@dataclass
class Series:
    """Values by iteration, in order."""

    points: dict[int, float] = field(default_factory=dict)

    def add(self, step: int, value: object) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            self.points[step] = float(value)

    def forget_from(self, step: int) -> None:
        self.points = {at: value for at, value in self.points.items() if at < step}

    def sorted(self) -> list[tuple[int, float]]:
        return sorted(self.points.items())


@dataclass
class Log:
    """What a training run logged."""

    start: dict[str, Any] = field(default_factory=dict)
    """The first line of the last start."""
    starts: int = 0
    last_step: int = 0
    seconds: float = 0.0
    """Training time: from each start to its last line, summed."""
    losses: dict[str, Series] = field(default_factory=dict)
    rates: dict[str, Series] = field(default_factory=dict)
    speed: Series = field(default_factory=Series)
    validations: dict[tuple[str, str, str], dict[str, Series]] = field(default_factory=dict)
    """By data set, protocol and metric: a series for each network (averaged weights first); old logs name none."""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What could not be read, one line each."""

    def _series(self) -> Iterator[Series]:
        for group in (self.losses, self.rates, *self.validations.values()):
            yield from group.values()
        yield self.speed

    def add(self, entry: Mapping[str, Any]) -> None:
        """Adds one line of the log; unknown kinds are ignored."""
        kind = entry.get("kind")
        if kind == "start":
            self._start(entry)
        elif kind == "train":
            self._train(entry)
        elif kind == "validation":
            self._validation(entry)
        elif kind == "note" and entry.get("text"):
            self.notes.append(str(entry["text"]))

    def _start(self, entry: Mapping[str, Any]) -> None:
        """A resumed run repeats the iterations after its checkpoint; the repeated ones replace the first."""
        first = int(entry.get("first", 1))
        for series in self._series():
            series.forget_from(first)
        self.last_step = min(self.last_step, first - 1)
        self.start = dict(entry)
        self.starts += 1

    def _train(self, entry: Mapping[str, Any]) -> None:
        step = int(entry["step"])
        self.last_step = max(self.last_step, step)
        for name, value in entry.get("losses", {}).items():
            self.losses.setdefault(str(name), Series()).add(step, value)
        for name, value in entry.get("lr", {}).items():
            self.rates.setdefault(str(name), Series()).add(step, value)
        self.speed.add(step, entry.get("images_per_second"))

    def _validation(self, entry: Mapping[str, Any]) -> None:
        step = int(entry["step"])
        where = str(entry.get("dataset", "")), str(entry.get("protocol", ""))
        network = str(entry.get("network", ""))
        for name, value in entry.items():
            if name not in ("kind", "step", "dataset", "network", "protocol", "images", "time"):
                self.validations.setdefault((*where, name), {}).setdefault(network, Series()).add(step, value)


def read_log(file: Path) -> Log:
    """Reads `file`; lines that are not records are listed in `problems`, except a truncated last one."""
    try:
        # Only a line feed ends a line; what follows the last one was truncated.
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
    log = Log()
    broken: list[int] = []
    began = latest = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            log.add(entry)
            moment = entry.get("time")
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            if number < len(lines):
                broken.append(number)
            continue
        if isinstance(moment, int | float) and math.isfinite(moment):
            if entry.get("kind") == "start":
                log.seconds += max(latest - began, 0.0) if began is not None and latest is not None else 0.0
                began = moment
            latest = moment
    if began is not None and latest is not None:
        log.seconds += max(latest - began, 0.0)
    if broken:
        shown = ", ".join(map(str, broken[:5])) + (" and more" if len(broken) > 5 else "")
        log.problems.append(f"{file.name}: line{'s' * (len(broken) > 1)} {shown} cannot be read and are left out")
    return log
