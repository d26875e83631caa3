"""A mistake in options: where it is, what is wrong, and the edit that corrects it if there is just one."""

from __future__ import annotations

from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Where a value stands in the options: keys, and places in lists counted from 0."""


@dataclass(frozen=True)
class Location:
    """A line of a file, or the command line; `start` and `end` are the characters of the key or value there."""

    source: str
    line: int | None = None
    start: int = 0
    end: int = 0

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Edit:
    """Replaces the characters start..end of the file by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Problem:
    """One line for the reader; `str` of it is that line."""

    path: KeyPath
    message: str
    location: Location = Location("options")
    edits: tuple[Edit, ...] = ()
    depends_on: tuple[KeyPath, ...] = ()
    """Other keys that it is about: it is not worth saying while one of them is wrong itself."""
    meant_key: str | None = None
    """What the key should probably be called."""

    def __str__(self) -> str:
        key = f"{key_text(self.path)}: " if self.path else ""
        return f"{self.location}: {key}{self.message}"


def key_text(path: KeyPath) -> str:
    """`train.lr_steps[3]`; characters that would break the line are escaped, long keys cut."""
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{clip(part)}" for part in path)
    return parts.removeprefix(".")


def quote(value: object) -> str:
    """A value as it may stand in a message: one line, not long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    return f"'{clip(value)}'" if isinstance(value, str) else clip(str(value))


def clip(text: str) -> str:
    """At most 60 characters, all printable."""
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:61])
    return shown if len(text) <= 60 else f"{shown[:57]}..."
