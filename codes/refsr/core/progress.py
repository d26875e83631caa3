"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol


class Progress(Protocol):
    """One piece of work of `total` equal parts; use as `with begin("packing", 40) as progress:`."""

    def advance(self, parts: int = 1, note: str = "") -> None:
        """`parts` more are done; `note` replaces the words beside the bar."""

    def skip(self, parts: int) -> None:
        """`parts` were done earlier, so they say nothing of how fast it goes."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Begin = Callable[[str, int], Progress]
"""Opens a Progress for a label and a total; the command line hands one in that shows it."""


class Silent:
    """A Progress that nobody watches."""

    def advance(self, parts: int = 1, note: str = "") -> None:
        pass

    def skip(self, parts: int) -> None:
        pass

    def __enter__(self) -> Silent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def silent(label: str, total: int) -> Progress:
    """The Begin of library calls and tests."""
    return Silent()
