"""`refsr` with something that happens to it at a chosen moment.

    python command_child.py

reads one request a line from standard input, a JSON object with `words` (of the command), `block` (the side of a block
of a raster in pixels of LR), `begin`, `moment` and `action`, carries it out in a process of its own, and answers with a
line of JSON: `code`, `out`, `err` and `steps`. What is slow to import is imported once.

At the step number `moment` that Python takes with files (opening one, renaming, removing, making a folder, writing to
an LMDB) `action` happens: `kill`, `soon:SECONDS` (a kill so much later, whatever runs then), `interrupt`,
`fill:FOLDER` (until its disk is full), `cut:FILE` (to half its length), `limit` (no file of the process may grow beyond
1000 bytes any more), or `none`. Steps are counted from the first that touches a path with the text `begin` in it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import lmdb

IMPORTED = (
    "refsr.data.chips.run",
    "refsr.data.prepare.run",
    "refsr.evaluation.evaluate",
    "refsr.inference.files",
    "refsr.inference.rasters",
    "refsr.interop.weights.families",
    "refsr.report.page",
    "refsr.training.trainer",
    "refsr.worlds.world_folder",
)
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


def fill(folder: Path) -> None:
    """Leaves no byte free, in pieces that become small."""
    with (folder / "filler").open("wb", buffering=0) as sink:
        for size in (2**16, 2**10, 1):
            with contextlib.suppress(OSError):
                while True:
                    sink.write(bytes(size))


def act(action: str) -> None:
    what, _, path = action.partition(":")
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "soon":
        # Its default action ends the process, also where it is inside GDAL.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, float(path))
    elif what == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    elif what == "fill":
        fill(Path(path))
    elif what == "cut":
        os.truncate(path, Path(path).stat().st_size // 2)
    elif what == "limit":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))


def carry_out(words: list[str], block: int, begin: str, moment: int, action: str, steps: Path) -> int:
    """Runs the command in this process; its number of steps is written to a file."""
    from refsr.cli.main import main as refsr
    from refsr.inference import raster_blocks

    count, quiet = 0, False

    def watch(event: str, arguments: Any) -> None:
        if quiet or event not in STEPS:
            return
        name = str(arguments[0])
        # Opening a module is no step of the command's: it depends on what was imported before.
        if (count or begin in name) and not name.endswith((".py", ".pyc")):
            step()

    def watch_stores(frame: Any, event: str, called: Any) -> None:
        if not quiet and event == "c_call" and isinstance(getattr(called, "__self__", None), lmdb.Transaction):
            step()

    def step() -> None:
        nonlocal count, quiet
        count += 1
        if count == moment:
            quiet = True
            act(action)
            quiet = False

    raster_blocks.BLOCK = block
    sys.addaudithook(watch)
    if words[0] == "pack":
        # LMDB's own writing is no event that Python tells of; to watch every call slows other commands down.
        sys.setprofile(watch_stores)
    code = refsr(words)
    quiet = True
    sys.setprofile(None)
    steps.write_text(str(count))
    return code


def forked(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Carries out a request in a child of this process."""
    steps = folder / "steps"
    steps.write_text("")
    # Pipes, because a limit on the size of files would cut off what is printed into one.
    pipes = {name: os.pipe() for name in ("err", "out")}
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for number, name in ((1, "out"), (2, "err")):
                os.dup2(pipes[name][1], number)
            for ends in pipes.values():
                for end in ends:
                    os.close(end)
            code = carry_out(steps=steps, **request)
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError):
                    stream.flush()
            os._exit(code)
    found = {name: _read(*ends) for name, ends in pipes.items()}
    _, status = os.waitpid(child, 0)
    return {**found, "steps": int(steps.read_text() or 0), "code": os.waitstatus_to_exitcode(status)}


def _read(source: int, sink: int) -> str:
    """All that the child writes to a pipe; it prints less to the other meanwhile than a pipe holds."""
    os.close(sink)
    with os.fdopen(source, "rb") as stream:
        return stream.read().decode()


def serve() -> None:
    import torch
    from mixing import Mixing

    from refsr.core.registry import register_network

    torch.set_num_threads(1)
    register_network("Mixing", Mixing)
    for module in IMPORTED:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        # An empty line ends it, too: other processes may have inherited the pipe and keep it open.
        for line in iter(sys.stdin.readline, ""):
            if not line.strip():
                break
            sys.__stdout__.write(json.dumps(forked(json.loads(line), Path(folder))) + "\n")
            sys.__stdout__.flush()


if __name__ == "__main__":
    serve()
