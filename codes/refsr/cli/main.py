"""The command `refsr`: finds the sub-command, runs it, and turns errors into lines and exit codes."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from refsr.core.errors import RefsrError, UsageError, suggestion
from refsr.core.user_modules import import_module
from refsr.core.version import __version__

# Name: (module that has add_arguments and run, what `refsr --help` says). Modules are imported when called for.
COMMANDS = {
    "train": ("refsr.cli.train", "train what an option file says"),
    "val": ("refsr.cli.val", "metric restored images under named protocols"),
    "bench": ("refsr.cli.bench", "train several systems under one budget, in one table"),
    "stress": ("refsr.cli.stress", "show which reference each run can be trusted with"),
    "report": ("refsr.cli.report", "write a page about runs: scores, cases, curves"),
    "options": ("refsr.cli.options", "check an option file, show it resolved, print the schema"),
    "world": ("refsr.cli.world", "make synthetic scenes with known truth"),
    "prepare": ("refsr.cli.prepare", "derive LR, LR_UX and Ref_DUX images from HR and Ref"),
    "pack": ("refsr.cli.pack", "put image folders into LMDB stores"),
    "store": ("refsr.cli.store", "look at, verify or repair a store"),
    "restore": ("refsr.cli.restore", "make images sharp with a model file and a reference"),
    "import": ("refsr.cli.import_weights", "bring in published weights"),
    "export": ("refsr.cli.export", "write weights as the published code keeps them"),
    "info": ("refsr.cli.info", "show what is built and what comes along, or what a model file is"),
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are UsageErrors, and whose descriptions keep their lines."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter} | settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message} (see {self.prog} --help)")


def entry() -> NoReturn:
    """Where the installed command starts."""
    sys.exit(main(sys.argv[1:]))


def main(words: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        with _one_interrupt():
            return _brought_out(words)
    except RefsrError as error:
        print(f"refsr: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("refsr: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except Exception as error:
        if os.environ.get("REFSR_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.errno:
            # A full disk, a name too long, a folder that is not ours: the system's own words say it.
            where = f"{error.filename}: " if error.filename else ""
            print(f"refsr: {where}{error.strerror}", file=sys.stderr)
            _drop_output()
            return 1
        print(
            f"refsr: internal error, please report it: {type(error).__name__}: {error} (REFSR_TRACEBACK=1 shows where)",
            file=sys.stderr,
        )
        return 70


@contextlib.contextmanager
def _one_interrupt() -> Iterator[None]:
    """Takes the first Ctrl-C and ignores the next: a second one in the middle of stopping workers would hang them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def once(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        # After an interrupt the process only ends: nothing may come between.
        if signal.getsignal(signal.SIGINT) is once:
            signal.signal(signal.SIGINT, before)


def _brought_out(words: list[str]) -> int:
    """Runs the command, and brings out what Python still keeps of its output while a failure can be told in a line."""
    try:
        code = _dispatch(words)
    except SystemExit:  # argparse's, after --help
        _flush()
        raise
    _flush()
    return code


def _flush() -> None:
    if sys.stdout is not None:  # None where it was closed before we began
        sys.stdout.flush()


def _drop_output() -> None:
    """Where output cannot go out, a second complaint at exit would only be noise."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"refsr {__version__}")
        return 0
    name = words[0]
    if name not in COMMANDS:
        raise UsageError(f"{name!r} is not a command{suggestion(name, COMMANDS)} (refsr --help lists them)")
    module = importlib.import_module(COMMANDS[name][0])
    parser = Parser(prog=f"refsr {name}", description=module.__doc__)
    module.add_arguments(parser)
    arguments = _parsed(parser, words[1:])
    for word in getattr(arguments, "imports", []):
        import_module(word)
    return int(module.run(arguments))


def _parsed(parser: Parser, words: list[str]) -> argparse.Namespace:
    """Flags may stand anywhere among the words, which argparse allows only where there are no sub-commands."""
    try:
        return parser.parse_intermixed_args(words)
    except TypeError:
        return parser.parse_args(words)


def _overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    rows = "\n".join(f"  {name:<{width}}{summary}" for name, (_, summary) in COMMANDS.items())
    return (
        "refsr: reference-based super-resolution of remote-sensing images\n\n"
        f"usage: refsr COMMAND ...\n\n{rows}\n\nrefsr COMMAND --help tells more; refsr --version"
    )
