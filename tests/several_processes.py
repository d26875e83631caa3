"""`refsr` in several processes that torchrun starts, for the rooms that need them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TIMEOUT = 1800
"""Seconds after which processes count as hanging, on however busy a machine."""


def started(
    file: Path,
    count: int,
    *words: str,
    script: Path | None = None,
    restarts: int = 0,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`refsr train`, or a script in its place, on `count` processes that find each other on this machine."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    launcher += ["--max-restarts", str(restarts)]
    what = [str(script)] if script is not None else ["-m", "refsr"]
    return subprocess.run(
        [sys.executable, *(launcher if count > 1 else []), *what, "train", str(file), *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
