"""Damages files and reads them, in processes of their own that may crash, hang or grow without harm to the tests.

    python fuzz_child.py

reads one request a line from standard input, a JSON object with `reader` (of `readers.py`), `examples`, `seed` and
`folder` (an empty one, in which the file that was read last stays), and answers with a line of JSON. By hypothesis and
not by atheris: what decodes is mostly C, which atheris would see only if it were built for it, while hypothesis makes
what it finds small, runs the same examples again for the same seed, and is needed by other tests anyway.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import resource
import signal
import sys
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from child_server import ChildServer

MOST_PIXELS = 1 << 18
"""What a reader may decode at once here, so that the limits below mean something."""
MOST_SECONDS = 5
"""Of the processor for one file; thousands of times what whole ones need."""
HANGS = 30
"""Seconds of the processor after which the system ends the process."""
MOST_MEMORY = 200 << 20
"""Bytes that reading one file may take."""
SLEEPS = 900
"""Seconds without an end after which a process counts as one that waits for ever."""


@dataclass(frozen=True)
class Fuzzed:
    """What came of damaged files."""

    read: int = 0
    refused: int = 0
    failure: str = ""
    """What a reader did that it must not do, with the smallest file that makes it; empty where there was nothing."""


class Fuzzing(ChildServer):
    """Damages files for one reader at a time."""

    def __init__(self) -> None:
        super().__init__("fuzz_child.py", REFSR_MAX_PIXELS=str(MOST_PIXELS))

    def __call__(self, reader: str, folder: Path, examples: int, seed: int) -> Fuzzed:
        return Fuzzed(**self.ask({"reader": reader, "folder": str(folder), "examples": examples, "seed": seed}))


class Run:
    """One reader and its files."""

    def __init__(self, name: str, folder: Path) -> None:
        from readers import READERS

        self.reader = READERS[name]
        self.file = folder / self.reader.file
        self.samples = self.reader.make(folder)
        self.read = self.refused = 0

    def whole(self) -> None:
        """Samples are read, or nothing that is found of damaged ones means anything."""
        for sample in self.samples:
            self._put(self.reader.wrap(sample))
            self.reader.read(self.file)

    def one(self, data: bytes) -> None:
        """Reads a damaged file; an AssertionError says what is wrong with what came of it."""
        from refsr.core.errors import OptionsError, RefsrError

        self._put(self.reader.wrap(data))
        memory, seconds = _peak(), _seconds()
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + HANGS, resource.RLIM_INFINITY))
        refusal: RefsrError | None = None
        try:
            self.reader.read(self.file)
            self.read += 1
        except RefsrError as error:
            refusal = error
        if refusal is not None:
            self.refused += 1
            message = str(refusal)
            named = [self.file, *self.file.parents[: len(Path(self.reader.file).parts)]]
            assert any(str(one) in message for one in named), f"does not name the file: {message!r}"
            lines = isinstance(refusal, OptionsError) or re.fullmatch(r"[^\n]*(\n  [^\n]*)*", message)
            assert lines, f"is not one line: {message!r}"
        taken, grown = _seconds() - seconds, _peak() - memory
        assert taken < MOST_SECONDS, f"takes {taken:.1f} seconds"
        assert grown < MOST_MEMORY, f"takes {grown >> 20} MiB"

    def _put(self, data: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(data)


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> int:
    """Memory of this process at its highest since the last call; counted anew from now on."""
    found = int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) << 10
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return found


def fuzz(reader: str, folder: Path, examples: int, seed: int) -> Fuzzed:
    """Reads so many damaged files, in this process."""
    import hypothesis
    from mutations import damaged

    run = Run(reader, folder)
    run.whole()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink], print_blob=False,
    )  # fmt: skip
    @hypothesis.given(damaged(run.samples, run.reader.text))
    def read(data: bytes) -> None:
        run.one(data)

    try:
        read()
    except BaseException as error:
        # The example, which hypothesis notes, stands in the file.
        error.__notes__ = []
        lines = traceback.format_exception(error)
        return Fuzzed(run.read, run.refused, f"{''.join(lines)[-3000:]}\n{described(run.file)}")
    return Fuzzed(run.read, run.refused)


def described(file: Path) -> str:
    data = file.read_bytes()
    return f"{file} of {len(data)} bytes: {data[:600]!r}"


def forked(request: dict[str, Any]) -> Fuzzed:
    """Carries out a request in a child of this process."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SLEEPS)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.write(sink, json.dumps(asdict(fuzz(**{**request, "folder": Path(request["folder"])}))).encode())
        except BaseException:
            os.write(sink, json.dumps(asdict(Fuzzed(failure=traceback.format_exc()[-3000:]))).encode())
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    if answer:
        return Fuzzed(**json.loads(answer))
    from readers import READERS

    ended = os.waitstatus_to_exitcode(status)
    why = signal.Signals(-ended).name if ended < 0 else f"exit code {ended}"
    return Fuzzed(failure=f"ended by {why}\n{described(Path(request['folder']) / READERS[request['reader']].file)}")


def serve() -> None:
    """Answers requests until there is no more."""
    import readers  # noqa: F401

    # What readers tell of files is no part of the answer.
    logging.disable()
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            break
        answers.write(json.dumps(asdict(forked(json.loads(line)))) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
