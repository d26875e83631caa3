"""The repository's pages, and what in them is code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PLACES = (
    *("*.md", "docs/**/*.md", "codes/**/*.md", "options/*.md", "dataset/*.md", "scripts/*.md", "benchmarks/*.md"),
    *("figures/*.md", "tests/**/*.md"),
)
FENCE = re.compile(r"^(?P<marks>```+|~~~+)(?P<language>[\w-]*)(?P<says>.*)$")
TITLE = re.compile(r'title="(?:part of|in (?P<section>[\w.]+) of) (?P<file>[^"]+)"')
NOT_A_COMMAND = re.compile(r"^\w+=")
LIST_ITEM = re.compile(r"^\s*([-*+]|\d+\.)\s")


def pages() -> dict[str, str]:
    """Every page's text, by its path in the repository."""
    found = sorted({page for place in PLACES for page in REPOSITORY.glob(place)})
    return {page.relative_to(REPOSITORY).as_posix(): page.read_text(encoding="utf-8") for page in found}


@dataclass(frozen=True)
class Block:
    """Code in a page."""

    page: str
    line: int
    """Of its first line, counted from 1."""
    language: str
    """What its fence says; empty for indented ones and fences that say nothing."""
    whole: str
    """The option file that it is a part of, if its fence names one."""
    section: str
    """And where in it."""
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, text: str) -> Iterator[Block]:
    """Fenced and indented code, in order."""
    lines = text.split("\n")
    at, in_list = 0, False
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence:
            end = next(n for n in range(at + 1, len(lines)) if lines[n].startswith(fence["marks"]))
            titled = TITLE.search(fence["says"])
            whole, section = (titled["file"], titled["section"] or "") if titled else ("", "")
            yield Block(page, at + 2, fence["language"], whole, section, "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif lines[at].startswith("    ") and not in_list and (at == 0 or not lines[at - 1].strip()):
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            yield Block(page, at + 1, "", "", "", "\n".join(line[4:] for line in lines[at:end]).rstrip())
            at = end
        else:
            if lines[at].strip():
                in_list = bool(LIST_ITEM.match(lines[at])) or (in_list and lines[at].startswith(" "))
            at += 1


def prose(page: str, text: str) -> str:
    """A page without its blocks of code and their fences."""
    lines = text.split("\n")
    for block in blocks(page, text):
        for at in range(block.line - 1, block.line + block.text.count("\n")):
            lines[at] = ""
    return "\n".join(line for line in lines if not FENCE.match(line))


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a shell block, comments and settings of the environment left out."""
    for line in block.text.replace("\\\n", " ").split("\n"):
        words = shlex.split(line, comments=True)
        while words and NOT_A_COMMAND.match(words[0]):
            words.pop(0)
        if words:
            yield words
