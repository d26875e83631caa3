"""Training and restoring for long: memory and open handles do not grow.

Sixteen rounds, each a whole small training run and some images; REFSR_EFFORT=N makes it N times as many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from small_run import option_file

__all__ = ["option_file"]

ROUNDS = 16 * int(os.environ.get("REFSR_EFFORT", "1"))
WARM = 6
"""Rounds in which caches fill."""
MOST_GROWTH = 100_000
"""Bytes a round. A batch of a sample's tensors that is kept, or a network, is more than that."""


@pytest.mark.budget
def test_neither_memory_nor_handles_grow(option_file: Path, tmp_path: Path) -> None:
    if not Path("/proc/self/statm").is_file():
        pytest.skip("needs /proc")
    child = Path(__file__).with_name("soak_child.py")
    words = [sys.executable, str(child), str(option_file), str(tmp_path / "runs"), str(ROUNDS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in done.stdout.splitlines()][WARM:]
    for what in ("train", "restore"):
        memory = np.array([one[what]["memory"] for one in rounds])
        slope = np.polyfit(np.arange(len(memory)), memory, 1)[0]
        assert slope < MOST_GROWTH, (what, slope, memory.tolist())
        handles = [one[what]["handles"] for one in rounds]
        assert max(handles) == handles[0], (what, handles)
