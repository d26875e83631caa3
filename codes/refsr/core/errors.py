"""The one family of errors that a person can cause; the command line prints them as a line each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class RefsrError(Exception):
    """What is wrong, where, and the nearest thing that would be right."""

    exit_code = 1


class UsageError(RefsrError):
    """A command was called in a way that it does not know."""

    exit_code = 2


class OptionsError(RefsrError):
    """An option file, or a key=value beside it, has mistakes: one line each, all at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        """The mistakes; `str` of one is its line."""
        lines = "\n".join(map(str, self.problems))
        super().__init__(lines if len(self.problems) == 1 else f"{len(self.problems)} mistakes in the options\n{lines}")


class DataError(RefsrError):
    """An image, a folder or a sample is not what it should be."""


class StoreError(DataError):
    """A store is damaged, incomplete or not a store."""


class OutputError(RefsrError):
    """A network gives what cannot be right: values that are not finite, or one value everywhere."""


class OperatorError(RefsrError):
    """An operator was called with a shape or type that its definition excludes."""


NEAR = 0.6
"""Of 1, how like a word must be to stand for another."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely stands for, if one is near enough: suffixes alone make no file near."""
    candidates = list(known)
    lowered = {candidate.lower(): candidate for candidate in reversed(candidates)}
    if word.lower() in lowered:
        return lowered[word.lower()]
    close = difflib.get_close_matches(word.lower(), list(lowered), n=len(lowered) or 1, cutoff=NEAR)
    stem = _stem(word.lower())
    return next((lowered[one] for one in close if difflib.get_close_matches(stem, [_stem(one)], cutoff=NEAR)), None)


def _stem(word: str) -> str:
    return word.rpartition(".")[0] or word


def listed(words: Iterable[str], most: int = 8) -> str:
    """The first words of a list, and how many more there are."""
    known = list(words)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where something is near, else the empty string."""
    candidate = nearest(word, known)
    return f"; did you mean {candidate!r}?" if candidate is not None else ""
