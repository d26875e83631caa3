"""`refsr restore` in small blocks, with something that happens to it at a chosen moment.

    python restore_child.py BLOCK COUNT ACTION WORDS...

BLOCK is the side of a block in pixels of LR. At the COUNT-th step that Python takes with files (opening one, renaming,
removing, making a folder) ACTION happens: `kill`, `fill:FOLDER` (until its disk is full), `cut:FILE` (to half its
length), `limit` (no file of this process may grow any more), or `none`, after which the number of steps is printed.
Only steps after the first that touches the folder of blocks are counted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

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
    elif what == "fill":
        fill(Path(path))
    elif what == "cut":
        os.truncate(path, Path(path).stat().st_size // 2)
    elif what == "limit":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))


def main(block: int, moment: int, action: str, words: list[str]) -> int:
    count, done = 0, False

    def watch(event: str, arguments: Any) -> None:
        nonlocal count, done
        if done or event not in STEPS or not (count or ".blocks" in str(arguments[0])):
            return
        count += 1
        if count == moment:
            done = True
            act(action)

    from refsr.cli.main import main as refsr
    from refsr.inference import raster_blocks

    raster_blocks.BLOCK = block
    sys.addaudithook(watch)
    code = refsr(words)
    if action == "none":
        print(f"steps: {count}")
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
