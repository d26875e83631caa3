"""A folder through which what processes do passes step by step, as a test lets it."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path


class Gate:
    """The steps of all processes that wait at it have one order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wait(self) -> None:
        """Takes the next number, and waits until it is let through."""
        for number in itertools.count():
            try:
                os.close(os.open(self._folder / f"arrived-{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            while not (self._folder / f"passed-{number}").exists():
                time.sleep(0.01)
            return

    def let_one_through(self) -> None:
        """Lets the first step that waits through, if one does."""
        number = len(list(self._folder.glob("passed-*")))
        if (self._folder / f"arrived-{number}").exists():
            (self._folder / f"passed-{number}").touch()
