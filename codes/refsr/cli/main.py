"""The command `refsr`: runs the sub-command and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from refsr.cli.limits import limit_reached
from refsr.cli.streams import make_streams_robust
from refsr.core.errors import RefsrError, UsageError, suggestion
from refsr.core.foreign_files import allow_pixels
from refsr.core.user_modules import import_module
from refsr.core.version import __version__

# Name: (module with add_arguments and run, line in `refsr --help`). A module is imported when its command is called.
COMMANDS = {
    "train": ("refsr.cli.train", "train a network from an option file"),
    "val": ("refsr.cli.val", "evaluate weights and baselines under named protocols"),
    "calibrate": (
        "refsr.cli.calibrate",
        "measure how large a model's errors are, so that results say how sure they are",
    ),
    "bench": ("refsr.cli.bench", "train several systems with one budget and compare them in one table"),
    "stress": ("refsr.cli.stress", "evaluate runs with perturbed references and draw the curves"),
    "report": ("refsr.cli.report", "write an HTML page about runs: scores, example images, training curves"),
    "options": ("refsr.cli.options", "check an option file, print it resolved, print the schema"),
    "register": ("refsr.cli.register", "lay a reference on LR: a raster, a page, tie points"),
    "world": ("refsr.cli.world", "make a synthetic data set with known ground truth"),
    "chips": ("refsr.cli.chips", "cut training tuples from scenes on any grids, split by place"),
    "prepare": ("refsr.cli.prepare", "make LR, LR_UX and Ref_DUX images from HR and Ref"),
    "pack": ("refsr.cli.pack", "pack image folders into LMDB stores"),
    "store": ("refsr.cli.store", "describe, verify or repair stores of images; write checksums"),
    "view": ("refsr.cli.view", "look at rasters and images in the browser, and restore a rectangle there"),
    "restore": ("refsr.cli.restore", "super-resolve images with a model file and a reference"),
    "archive": ("refsr.cli.archive", "restore many scenes on many machines, on Dask"),
    "import": ("refsr.cli.import_weights", "convert published weights to a model file"),
    "export": ("refsr.cli.export", "write a network as ONNX, or weights for the published code"),
    "completion": ("refsr.cli.completion", "print a script that completes refsr in bash, zsh or fish"),
    "info": ("refsr.cli.info", "describe the installation and the bundled weights, or a model file"),
}


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError and keeps the line breaks of descriptions."""

    def __init__(self, **settings: Any) -> None:
        defaults: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
        super().__init__(**defaults | settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message} (see {self.prog} --help)")


def entry() -> NoReturn:
    """Entry point of the installed command."""
    make_streams_robust()
    sys.exit(main(sys.argv[1:]))


def main(words: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    return guarded(lambda: _dispatch(words))


def guarded(command: Callable[[], int]) -> int:
    """Runs a command, prints its errors as one line each, and returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # What GDAL logs on its way to an error is in the error that it raises.
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    # torch sets its own level when it is imported whole; a Ctrl-C before would let its counts of a cache through.
    logging.getLogger("torch").setLevel(logging.WARNING)
    try:
        with _one_interrupt():
            return _run_and_flush(command)
    except RefsrError as error:
        print(f"refsr: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        print(f"refsr: stopped{'; ' if stop.args else ''}{stop}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except Exception as error:
        if os.environ.get("REFSR_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.errno:
            # A full disk, a name too long, no permission: the message of the operating system says it.
            where = f"{error.filename}: " if error.filename else ""
            print(f"refsr: {where}{error.strerror}", file=sys.stderr)
            _drop_output()
            return 1
        if (reason := limit_reached(error)) is not None:
            print(f"refsr: {reason}", file=sys.stderr)
            return 1
        print(
            f"refsr: internal error, please report it: {type(error).__name__}: {error} (REFSR_TRACEBACK=1 shows where)",
            file=sys.stderr,
        )
        return 70


@contextlib.contextmanager
def _one_interrupt() -> Iterator[None]:
    """Takes the first Ctrl-C and ignores later ones: a second one while workers stop would hang them."""
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
        # After an interrupt the process only ends, without further interrupts.
        if signal.getsignal(signal.SIGINT) is once:
            signal.signal(signal.SIGINT, before)


def _run_and_flush(command: Callable[[], int]) -> int:
    """Runs the command and flushes its output while a failure can still be reported in one line."""
    try:
        code = command()
    except SystemExit:  # argparse's, after --help
        _flush()
        raise
    _flush()
    return code


def _flush() -> None:
    if sys.stdout is not None:  # None if it was closed before the start
        sys.stdout.flush()


def _drop_output() -> None:
    """If output cannot be written, drops it, so that Python does not complain again at exit."""
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
    if (most := getattr(arguments, "max_pixels", None)) is not None:
        allow_pixels(most)
    for word in getattr(arguments, "imports", []):
        import_module(word)
    return int(module.run(arguments))


def _parsed(parser: Parser, words: list[str]) -> argparse.Namespace:
    """Allows flags anywhere, which argparse supports only for commands without sub-commands."""
    try:
        arguments, unknown = parser.parse_known_intermixed_args(words)
    except TypeError:
        arguments, unknown = parser.parse_known_args(words)
    if unknown:
        raise UsageError(f"{parser.prog}: {_unknown(unknown[0], words, parser)} (see {parser.prog} --help)")
    return arguments


def _unknown(word: str, words: list[str], parser: argparse.ArgumentParser) -> str:
    """What is wrong with a word that no argument took, and what may be meant."""
    known = _flags(parser)
    if word.startswith("-"):
        flag = word.partition("=")[0]
        return f"there is no option {flag}{suggestion(flag, known)}"
    before = next((one for one in reversed(words[: words.index(word)]) if one in known), "")
    repeated = isinstance(known.get(before), argparse._AppendAction)
    return f"{word!r} is one argument too many{f'; repeat {before} for each value' if repeated else ''}"


def _flags(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options of a parser and of those of its sub-commands."""
    # The parser's own list has no public name.
    found = {flag: action for action in parser._actions for flag in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                found |= _flags(below)
    return found


def _overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    rows = "\n".join(f"  {name:<{width}}{summary}" for name, (_, summary) in COMMANDS.items())
    return (
        "refsr: reference-based super-resolution of remote-sensing images\n\n"
        f"usage: refsr COMMAND ...\n\n{rows}\n\nrefsr COMMAND --help: all arguments; refsr --version"
    )
