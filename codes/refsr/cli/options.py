"""Checks an option file, prints it as a run would use it, or prints the schema.

refsr options check OPTIONS.yml [--fix] [--no-paths] [key=value ...]
refsr options show OPTIONS.yml [key=value ...]
refsr options schema [--bench|--markdown]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from refsr.cli.arguments import add_option_file
from refsr.cli.main import Parser
from refsr.core.atomic import write_bytes
from refsr.core.errors import OptionsError, UsageError


class FlagsAnywhere(Parser):
    """A parser that allows flags between a file and its key=value overrides, which plain argparse does not."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        words = list(args or [])
        end = words.index("--") if "--" in words else len(words)
        flags_first = sorted(words[:end], key=lambda word: not word.startswith("-"))
        return super().parse_known_args(flags_first + words[end:], namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="check|show|schema", parser_class=FlagsAnywhere
    )

    check = actions.add_parser(
        "check",
        help="list every mistake in an option file",
        description="Lists every mistake in an option file as FILE:LINE: KEY: what is wrong, and keys without effect.\n"
        "The exit code is 0 if there is no mistake, else 2.",
    )
    add_option_file(check, "option file or bench file")
    check.add_argument(
        "--fix",
        action="store_true",
        help="fix mistakes with one clear correction (full-width characters, tabs, misspelt keys and names, yes for "
        "true), print the difference and write the file",
    )
    check.add_argument("--no-paths", action="store_true", help="do not check that files and folders exist")

    show = actions.add_parser(
        "show",
        help="print the resolved options",
        description="Prints every option as YAML; where a value is not the default, the default is given beside it.",
    )
    add_option_file(show)

    schema = actions.add_parser(
        "schema",
        help="print the schema of option files",
        description="Prints the JSON schema of option files, which editors can use.",
    )
    instead = schema.add_mutually_exclusive_group()
    instead.add_argument("--bench", action="store_true", help="print the schema of bench files instead")
    instead.add_argument("--markdown", action="store_true", help="print docs/options.md instead")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "schema":
        return _schema(arguments.bench, arguments.markdown)
    if arguments.action == "show":
        return _show(arguments.file, arguments.overrides)
    if arguments.fix:
        _fix(arguments.file)
    return _check(arguments.file, arguments.overrides, not arguments.no_paths)


def _check(file: Path, overrides: list[str], paths: bool) -> int:
    from refsr.core.options import examine, load_options
    from refsr.core.options.bench import read_bench
    from refsr.metrics import metric_named

    bench = read_bench(file)
    if bench is not None:
        for name in bench.metrics:
            metric_named(name)
        for system in bench.systems.values():
            load_options(system.options, [*bench.overrides, *overrides, *system.overrides], paths=paths)
        print(f"{file}: a bench of {len(bench.systems)} systems, no mistakes")
        return 0
    examined = examine(file, overrides, paths=paths)
    for notice in examined.notices:
        print(f"notice: {notice}")
    if examined.options is None:
        raise OptionsError(examined.problems)
    print(f"{file}: no mistakes")
    return 0


def _fix(file: Path) -> None:
    from refsr.core.options.repair import difference, repair
    from refsr.core.options.source import read_source

    if file.exists() and not (file.is_file() or file.is_dir()):
        raise UsageError(f"{file}: --fix needs a regular file")
    text, unreadable = read_source(file)
    if unreadable is not None:
        raise OptionsError([unreadable])
    fixed, _ = repair(text, str(file))
    if fixed == text:
        print(f"{file}: no mistake with one clear correction", file=sys.stderr)
        return
    print(difference(text, fixed, str(file)))
    # A link to the file stays a link.
    write_bytes(file.resolve(), fixed.encode())


def _show(file: Path, overrides: list[str]) -> int:
    from refsr.core.options import load_options
    from refsr.core.options.show import show

    print(show(load_options(file, overrides)), end="")
    return 0


def _schema(of_bench: bool, as_markdown: bool) -> int:
    from refsr.core.options.pages import bench_schema, json_schema, markdown

    schema = bench_schema if of_bench else json_schema
    print(markdown() if as_markdown else json.dumps(schema(), indent=2) + "\n", end="")
    return 0
