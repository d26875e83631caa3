"""Progress of long work, reported without knowing who shows it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol


class ProgressBar(Protocol):
    """The progress of `total` equal parts of work: `with progress("packing", 40) as bar:`."""

    def advance(self, parts: int = 1, note: str = "") -> None:
        """`parts` more are done; `note` replaces the text beside the bar."""

    def skip(self, parts: int) -> None:
        """`parts` were done earlier, so they do not count for the speed."""

    def __enter__(self) -> ProgressBar: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


ProgressFactory = Callable[[str, int], ProgressBar]
"""Opens a ProgressBar for a label and a total; the command line passes one that shows it."""

Announce = Callable[[str], None]
"""Gets a line that says what was decided or found."""


class NoProgressBar:
    """A ProgressBar that shows nothing."""

    def advance(self, parts: int = 1, note: str = "") -> None:
        pass

    def skip(self, parts: int) -> None:
        pass

    def __enter__(self) -> NoProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class PartOf(NoProgressBar):
    """Work that is a part of other work: its parts count for the bar of that."""

    def __init__(self, whole: ProgressBar) -> None:
        self._whole = whole

    def advance(self, parts: int = 1, note: str = "") -> None:
        self._whole.advance(parts, note)


def no_progress(label: str, total: int) -> ProgressBar:
    """The default ProgressFactory of library calls: shows nothing."""
    return NoProgressBar()


def counted(count: int, noun: str) -> str:
    """`1 scene`, `2 scenes`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time for a person: `12 s`, `4 min`, `3 h 12 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
