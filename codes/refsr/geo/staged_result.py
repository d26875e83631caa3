"""Where a result is made before it takes its name: each process that makes it has a place of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from refsr.core.atomic import current_umask, explain_io
from refsr.core.staging import LOCKED, staged_file, staged_folder

RESULT = "result"
"""Its name, without suffix, in the folder of blocks."""
TRIES = 8
"""To put a store in place while others do the same."""


@contextlib.contextmanager
def staged_result(folder: Path, output: Path, store: bool) -> Iterator[Path]:
    """A path in the folder of blocks that nobody else writes to; a `store` is a folder itself.

    It lies in a folder of its own, for GDAL knows a store by its suffix and names its array by the rest.
    """
    place = folder / f"{RESULT}{output.suffix}"
    if store:
        with explain_io(output):
            held, own = staged_folder(place)
        try:
            yield own / place.name
        finally:
            shutil.rmtree(own, ignore_errors=True)
            if held is not None:
                os.close(held)
        return
    if not LOCKED:
        yield place
        return
    with explain_io(output):
        descriptor, file = staged_file(place)
    try:
        file.chmod(0o666 & ~current_umask())
        yield file
    finally:
        os.close(descriptor)


def put_in_place(staged: Path, output: Path) -> None:
    """Gives a result its name; what had it is gone."""
    if not staged.is_dir():
        if output.is_dir():
            shutil.rmtree(output)
        staged.replace(output)
        return
    for number in range(TRIES):
        # A folder takes no place that is taken, and another process may have taken it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            output.rename(staged.with_name(f"replaced-{number}"))
        try:
            staged.rename(output)
            return
        except OSError:
            if number == TRIES - 1 or not output.exists():
                raise


def is_being_made(folder: Path) -> bool:
    """Whether a result is on its way in a folder of blocks."""
    return any(not one.is_dir() or any(one.glob(f"{RESULT}*")) for one in folder.glob(f"*{RESULT}*"))
