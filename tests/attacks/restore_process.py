"""`refsr restore` in processes of its own, which can be disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import refsr

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    steps: int


class Commands:
    """Runs `refsr restore`, each time in a process of its own; see `restore_child.py`."""

    def __init__(self) -> None:
        paths = [str(Path(refsr.__file__).parents[1]), str(HERE)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "no_proxy": "127.0.0.1"}
        self._server = subprocess.Popen(
            [sys.executable, str(HERE / "restore_child.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment,
        )  # fmt: skip

    def __call__(self, *words: Any, block: int = 8, moment: int = 0, action: str = "none") -> Ended:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        request = {"words": ["restore", *map(str, words)], "block": block, "moment": moment, "action": action}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Ended(**json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write("\n")
        self._server.stdin.close()
        self._server.wait(60)
