"""Runs `refsr` under limits of the system and measures what it takes: seconds of the processor, and memory.

    python bounded.py

reads one request a line from standard input, a JSON object with `words` (of the command) and `limits`, carries it out
in a process of its own, and answers with a line of JSON. What is slow to import is imported once and does not count.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from child_server import ChildServer

IMPORTED = (
    "torch",
    "cv2",
    "safetensors.torch",
    "refsr.cli.options",
    "refsr.cli.train",
    "refsr.core.options.load",
    "refsr.inference.files",
    "refsr.inference.rasters",
    "refsr.interop.weights.families",
    "refsr.evaluation.weights",
)


@dataclass(frozen=True)
class Used:
    """How a command ended, and what it took beyond what any command takes."""

    code: int
    out: str
    err: str
    seconds: float
    """Of the processor."""
    megabytes: float


class Bounded(ChildServer):
    """Runs commands, each in a process of its own."""

    def __init__(self) -> None:
        super().__init__("bounded.py")

    def __call__(self, *words: Any, limits: Mapping[str, int] | None = None) -> Used:
        """A command under limits, such as {"RLIMIT_NOFILE": 32}; RLIMIT_AS is what it may take beyond the imports."""
        return Used(**self.ask({"words": [*map(str, words)], "limits": dict(limits or {})}))


def _taken() -> tuple[float, float]:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime, now.ru_maxrss / 1024


def _mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _carry_out(words: list[str], limits: Mapping[str, int], folder: Path) -> int:
    from refsr.cli.main import main as refsr

    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for limit, value in limits.items():
        most = value + (_mapped() if limit == "RLIMIT_AS" else 0)
        resource.setrlimit(getattr(resource, limit), (most, most))
    before = _taken()
    code = refsr(words)
    after = _taken()
    os.write(int(os.environ["TAKEN"]), json.dumps([after[0] - before[0], after[1] - before[1]]).encode())
    return code


def _forked(words: list[str], limits: Mapping[str, int], folder: Path) -> Used:
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.environ["TAKEN"] = str(sink)
            code = _carry_out(words, limits, folder)
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(sink)
    _, status = os.waitpid(child, 0)
    with os.fdopen(source, "rb") as stream:
        seconds, megabytes = json.loads(stream.read() or b"[0, 0]")
    out, err = ((folder / name).read_text() for name in ("out", "err"))
    return Used(os.waitstatus_to_exitcode(status), out, err, seconds, megabytes)


def serve() -> None:
    """Answers requests until there is no more."""
    for module in IMPORTED:
        importlib.import_module(module)
    if importlib.util.find_spec("rasterio"):
        importlib.import_module("rasterio")
    with tempfile.TemporaryDirectory() as folder:
        for line in iter(sys.stdin.readline, ""):
            if not line.strip():
                break
            sys.stdout.write(json.dumps(asdict(_forked(**json.loads(line), folder=Path(folder)))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    serve()
