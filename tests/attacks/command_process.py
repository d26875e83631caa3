"""`refsr` in processes of its own, which can be disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from child_server import ChildServer


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    steps: int


class Commands(ChildServer):
    """Runs commands, each in a process of its own; see `command_child.py`."""

    def __init__(self) -> None:
        super().__init__("command_child.py", no_proxy="127.0.0.1")

    def __call__(
        self, *words: Any, block: int = 8, begin: str = ".blocks", moment: int = 0, action: str = "none"
    ) -> Ended:
        request = {"block": block, "begin": begin, "moment": moment, "action": action}
        return Ended(**self.ask({"words": [*map(str, words)], **request}))
