"""Prints a script that completes refsr's commands, options and values in a shell: refsr completion bash|zsh|fish

bash: refsr completion bash > ~/.local/share/bash-completion/completions/refsr
zsh:  refsr completion zsh > DIR/_refsr, where DIR is in $fpath
fish: refsr completion fish > ~/.config/fish/completions/refsr.fish
The script holds everything it needs, so completing starts no Python. Print it again after an update of refsr.
"""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path
from typing import Any

from refsr.cli.main import COMMANDS, Parser
from refsr.core.registry import list_models

SHELLS = ("bash", "zsh", "fish")
MODELS = {"MODEL", "M", "W"}
"""Placeholders of arguments that take a model: a file, a folder or a name."""
OPTION_FILES = {"OPTIONS.yml", "FILE | key=value"}
PATHS = re.compile(r"PATH\b|RASTER|HR|.*DIR|(FILE|SOURCE|TARGET|CATALOG|RUN)\b")
WORDS = re.compile(r"[a-z0-9]+(\|[a-z0-9]+)+")
"""A placeholder that lists all values, such as cpu|cuda."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")


def run(arguments: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(whole_parser(), arguments.shell, preamble=_models_in(arguments.shell)))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """All commands in one parser, which says how values are completed; `refsr` itself makes that of one command."""
    parser = Parser(prog="refsr")
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(parser_class=Parser)
    for name, (module, summary) in COMMANDS.items():
        command = importlib.import_module(module)
        below = commands.add_parser(name, help=summary, description=summary)
        command.add_arguments(below)
        _complete_values(below)
    return parser


def _complete_values(parser: argparse.ArgumentParser) -> None:
    # The parser's own list has no public name.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_values(below)
        elif isinstance(action.metavar, str) and WORDS.fullmatch(action.metavar) and not action.choices:
            action.choices = action.metavar.split("|")
        elif not action.choices and (how := _completion(action)) is not None:
            action.complete = how  # type: ignore[attr-defined]  # what shtab reads


def _completion(action: argparse.Action) -> dict[str, Any] | None:
    import shtab

    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if metavar in OPTION_FILES:
        return dict(shtab.glob("*.yml", "*.yaml"))
    if metavar in MODELS:
        return {shell: call.format(models=" ".join(list_models())) for shell, call in _MODELS.items()}
    if metavar == "DIR":
        return dict(shtab.DIRECTORY)
    return dict(shtab.FILE) if action.type is Path or PATHS.match(metavar) else None


_MODELS = {
    "bash": "_refsr_model_files",
    "zsh": "_refsr_model_files",
    "fish": "(string split ' ' '{models}'; __fish_complete_path (commandline -ct))",
}


def _models_in(shell: str) -> str:
    """The functions of bash and zsh that complete a model's name or file."""
    models = " ".join(list_models())
    functions = {
        "bash": f'_refsr_model_files() {{\n  compgen -W "{models}" -- $1\n  _shtab_compgen_files $1\n}}',
        "zsh": f"_refsr_model_files() {{\n  _alternative 'models:bundled weights:({models})' 'files:file:_files'\n}}",
    }
    return functions.get(shell, "")
