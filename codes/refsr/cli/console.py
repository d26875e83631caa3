"""Progress of commands: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from refsr.cli.streams import for_drawing
from refsr.core.progress import ProgressBar, duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

SECONDS_BETWEEN_LINES = 10.0


def console_progress(label: str, total: int) -> ProgressBar:
    """A ProgressBar on standard error in the form that fits it."""
    return Bar(label, total) if sys.stderr.isatty() else Lines(label, total)


class Bar:
    """A live bar with count, time left and a note."""

    def __init__(self, label: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar: RichProgress = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(file=for_drawing(sys.stderr)),
        )
        self._task = self._bar.add_task(label, total=total, note="")

    def advance(self, parts: int = 1, note: str = "") -> None:
        if note:
            self._bar.update(self._task, advance=parts, note=note)
        else:
            self._bar.update(self._task, advance=parts)

    def skip(self, parts: int) -> None:
        self._bar.reset(self._task, completed=parts)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class Lines:
    """A line every ten seconds and one at the end, for logs and pipes."""

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._skipped = 0
        self._started = time.monotonic()
        self._last_line = self._started

    def advance(self, parts: int = 1, note: str = "") -> None:
        self._done += parts
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES and self._done < self._total:
            self._last_line = now
            worked = self._done - self._skipped
            left = ""
            if worked:
                left = f", about {duration((now - self._started) / worked * (self._total - self._done))} left"
            self._say(f"{self._done}/{self._total}{left} {note}".rstrip())

    def skip(self, parts: int) -> None:
        self._done += parts
        self._skipped += parts

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = "stopped at" if kind else "done:"
        self._say(f"{ended} {self._done}/{self._total} in {time.monotonic() - self._started:.1f} s")

    def _say(self, text: str) -> None:
        print(f"{self._label}: {text}", file=sys.stderr, flush=True)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text as aligned columns: the first left-aligned, the others right-aligned."""
    widths = [max(len(row[at]) for row in [header, *rows]) for at in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
