"""Standard output and error that take whatever is written to them.

Control characters and what the encoding lacks are escaped: a file's name may hold anything, and a terminal obeys it.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TextIO

CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160)) if chr(number) not in "\t\n"}


class Stream(io.TextIOWrapper):
    """A standard stream; with `drop`, what cannot be written is dropped."""

    def __init__(self, plain: TextIO, escape: bool, drop: bool) -> None:
        super().__init__(
            plain.buffer,
            encoding=plain.encoding,
            errors="backslashreplace",
            line_buffering=bool(plain.line_buffering),
            write_through=getattr(plain, "write_through", False),
        )
        self.plain = plain
        self._escape, self._drop = escape, drop

    def write(self, text: str) -> int:
        try:
            return super().write(text.translate(CONTROLS) if self._escape else text)
        except OSError:
            if not self._drop:
                raise
            self._close_quietly()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            if not self._drop:
                raise
            self._close_quietly()

    def _close_quietly(self) -> None:
        """Leads this stream nowhere from now on: a terminal that is gone stays gone."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def make_streams_robust() -> None:
    """Does so for this process. Streams that were closed before the start lead nowhere."""
    for number in range(3):
        _open_descriptor(number)
    sys.stdout = Stream(sys.stdout or _nowhere(), escape=True, drop=False)
    sys.stderr = Stream(sys.stderr or _nowhere(), escape=True, drop=True)


def for_drawing(stream: TextIO) -> TextIO:
    """The stream for a program that draws with control characters, such as a progress bar."""
    return Stream(stream.plain, escape=False, drop=True) if isinstance(stream, Stream) else stream


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _open_descriptor(number: int) -> None:
    """Takes the number of a closed standard stream, or the next file that is opened would get what is written to it."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        else:
            os.set_inheritable(number, True)
