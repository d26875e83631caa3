"""Repairs an option file where a mistake has one clear repair."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from refsr.core.options.load import Examined, examine_text
from refsr.core.options.problems import Edit

_MOST_ROUNDS = 4


def repair(text: str, source: str) -> tuple[str, Examined]:
    """The repaired text and what is found in it then; the layout is repaired first, then keys and values."""
    examined = examine_text(text, source)
    for _ in range(_MOST_ROUNDS):
        edits = [edit for problem in examined.problems for edit in problem.edits]
        repaired = apply_edits(examined.text, edits)
        if repaired == examined.text:
            break
        examined = examine_text(repaired, source)
    return examined.text, examined


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; of two that overlap the later in the text waits for another round."""
    parts = []
    end = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end)):
        if edit.start >= end:
            parts += [text[end : edit.start], edit.text]
            end = edit.end
    return "".join([*parts, text[end:]])


def difference(before: str, after: str, source: str) -> str:
    """A unified diff with line ends as `\\n`."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=source, tofile=f"{source} (repaired)", lineterm="", n=1
    )
    return "\n".join(lines)
