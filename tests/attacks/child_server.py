"""A process that answers requests, each a line of JSON; `bounded.py` and `command_child.py` are such processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import refsr

HERE = Path(__file__).resolve().parent


class ChildServer:
    """Starts one of the scripts beside this file, with `environment` besides this process's own."""

    def __init__(self, script: str, **environment: str) -> None:
        paths = os.pathsep.join(map(str, (Path(refsr.__file__).parents[1], HERE, HERE.parent)))
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": paths, **environment},
        )  # fmt: skip

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        # An empty line ends it, too: other processes may have inherited the pipe and keep it open.
        self._process.stdin.write("\n")
        self._process.stdin.close()
        self._process.wait(60)
