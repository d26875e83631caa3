"""Docstrings as Markdown for the API page: an extension of griffe, named in mkdocs.yml.

Stars outside of code, as in (B, C, s*H, s*W), are no emphasis. Lines that begin with >>> are an example, with what it
prints, up to an empty line.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

CODE = re.compile(r"(`[^`]*`)")
EXAMPLE = re.compile(r"^>>> .*(?:\n.*\S.*)*", re.MULTILINE)


def as_markdown(text: str) -> str:
    """A docstring's text with stars escaped and examples fenced."""
    found, begin = [], 0
    for example in EXAMPLE.finditer(text):
        found += [escaped(text[begin : example.start()]), f"\n```pycon\n{example[0]}\n```\n"]
        begin = example.end()
    return "".join([*found, escaped(text[begin:])])


def escaped(text: str) -> str:
    parts = CODE.split(text)
    return "".join(part if number % 2 else part.replace("*", "\\*") for number, part in enumerate(parts))


class PlainDocstrings(griffe.Extension):
    """Rewrites each docstring as it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
