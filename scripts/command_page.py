"""Writes docs/commands.md from the help texts of the commands.

python scripts/command_page.py            writes the page
python scripts/command_page.py --check    only checks whether it is out of date; then exits 1
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

from refsr.cli.main import COMMANDS, Parser

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
INTRODUCTION = """\
# Commands

This page is generated from `refsr COMMAND --help` by `python scripts/command_page.py`.

Exit codes: 0 success; 1 error in files or data; 2 error in the arguments or options; 130 after Ctrl-C; 141 the reader
of the output has closed it, as `head` does; 70 internal error, please report it (`REFSR_TRACEBACK=1` prints the
traceback). Long commands show a progress bar on a terminal, and plain lines elsewhere.
"""


def page() -> str:
    parts = [INTRODUCTION, _overview()]
    for name, (module, summary) in COMMANDS.items():
        command = importlib.import_module(module)
        parser = Parser(prog=f"refsr {name}", description=command.__doc__)
        command.add_arguments(parser)
        parts += [f"## refsr {name}\n", f"*{summary[0].upper()}{summary[1:]}.*\n", *_described(parser)]
    return "\n".join(parts)


def _overview() -> str:
    rows = [f"| [`refsr {name}`](#refsr-{name}) | {summary} |" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows, ""])


def _described(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The description of a command, a table of its arguments, then its sub-commands."""
    yield f"```text\n{(parser.description or '').strip()}\n```\n"
    # The parser's own lists have no public name; a help text in its place would differ between versions of Python.
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    inner = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    rows = [_row(action) for action in actions if action not in inner]
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows, ""])
    for action in inner:
        summaries = {choice.dest: choice.help for choice in action._choices_actions}
        for name, below in action.choices.items():
            yield f"### {below.prog}\n"
            if summaries.get(name) and not below.description:
                below.description = summaries[name]
            yield from _described(below)


def _row(action: argparse.Action) -> str:
    value = _value(action)
    spelt = ", ".join(f"{name} {value}".strip() for name in action.option_strings) or value
    said = [action.help or ""]
    if action.choices and action.metavar is None:
        said.append(f"one of {', '.join(map(str, action.choices))}")
    if action.required and action.option_strings:
        said.append("required")
    return f"| {_code(spelt)} | {_cell('; '.join(filter(None, said)))} |"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.metavar is None:
        names: tuple[str, ...] = (action.dest.upper() if action.option_strings else action.dest,)
    else:
        names = action.metavar if isinstance(action.metavar, tuple) else (action.metavar,)
    if isinstance(action.nargs, int):
        return " ".join(names if len(names) == action.nargs else names * action.nargs)
    shape = {"+": "{0} [{0} ...]", "*": "[{0} ...]", "?": "[{0}]"}.get(str(action.nargs), "{0}")
    return shape.format(names[0])


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = page()
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print(f"docs/commands.md: {'is out of date' if check else 'written'}")
    if not check:
        PAGE.write_text(made, encoding="utf-8")
    return int(check)


if __name__ == "__main__":
    sys.exit(main())
