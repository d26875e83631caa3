"""The text of an option file, and the mistakes of layout that would keep YAML from being read at all."""

from __future__ import annotations

import re
from pathlib import Path

from refsr.core.errors import nearest
from refsr.core.foreign_files import other_than_file
from refsr.core.options.problems import Edit, Location, Problem
from refsr.core.options.scalars import wide_characters

MOST_BYTES = 256 * 1024

_LEADING = re.compile(r"[ \t]*\t[ \t]*")
_WIDE_COLON = re.compile(r"(\s*(?:- +)*[A-Za-z_]\w*)([：﹕]\s*)")

_TIGHT_COLON = re.compile(r"(\s*(?:- +)*([A-Za-z_]\w+):)(?=[^\s:/\\])")


def read_source(path: Path) -> tuple[str, Problem | None]:
    """The file's text, or why there is none; line ends stay as they are."""
    source = str(path)
    if what := other_than_file(path):
        # A run's folder is named where one of its files is meant.
        inside = path / "options.yml"
        hint = f"; did you mean '{inside}'?" if inside.is_file() else ""
        return "", Problem((), f"is {what}, not an option file{hint}", Location(source))
    try:
        with path.open("rb") as handle:
            content = handle.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return "", Problem((), f"no such file{_neighbour(path)}", Location(source))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return "", Problem((), f"cannot be read: {reason}", Location(source))
    if len(content) > MOST_BYTES:
        return "", Problem((), f"is larger than {MOST_BYTES // 1024} KiB; is it an option file?", Location(source))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", Problem((), "the text is UTF-16; save it as UTF-8", Location(source, 1))
    try:
        return content.decode(), None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return "", Problem((), message, Location(source, line))


def straighten(text: str, source: str, unit: int) -> tuple[str, list[Problem]]:
    """The text with tabs (as `unit` spaces) and colons made readable, line by line, and what was wrong."""
    problems: list[Problem] = []
    lines = []
    offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        fixed, message = _straight_line(line, unit)
        if message:
            edit = Edit(offset, offset + len(line), fixed)
            problems.append(Problem((), message, Location(source, number), (edit,)))
        lines.append(fixed)
        offset += len(line)
    return "".join(lines), problems


def _straight_line(line: str, unit: int) -> tuple[str, str]:
    messages = []
    leading = _LEADING.match(line)
    if leading is not None and line.strip():
        line = leading.group().replace("\t", " " * unit) + line[leading.end() :]
        messages.append("a tab in the indentation; YAML indents with spaces")
    head = re.split(r"[#\"']", line, maxsplit=1)[0]
    if "\t" in head and line.strip():
        line = head.replace("\t", " ") + line[len(head) :]
        messages.append("a tab between words; YAML wants a space")
    wide = _WIDE_COLON.match(line)
    if wide is not None:
        messages.append(f"the key {wide_characters(wide.group(2).strip())}")
        line = (
            f"{wide.group(1)}: {line[wide.end() :]}"
            if line[wide.end() :].strip()
            else f"{wide.group(1)}:{_ending(line)}"
        )
    tight = _TIGHT_COLON.match(line)
    if tight is not None:
        messages.append(f"no space after the colon of {tight.group(2)!r}")
        line = f"{tight.group(1)} {line[tight.end() :]}"
    return line, "; ".join(messages)


def _ending(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _neighbour(path: Path) -> str:
    try:
        entries = sorted(entry.name for entry in path.parent.iterdir())
    except (OSError, ValueError):
        return ""
    near = nearest(path.name, entries)
    return f"; did you mean '{path.parent / near}'?" if near is not None else ""
