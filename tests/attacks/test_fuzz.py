"""Whatever is in a file: a result, or one line that names it, in bounded time and memory; no other exception, no crash.

REFSR_EFFORT=N reads N times as many damaged files of each kind, REFSR_SEED=S others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz_child import Fuzzing
from readers import READERS

EFFORT, SEED = int(os.environ.get("REFSR_EFFORT", "1")), int(os.environ.get("REFSR_SEED", "0"))


@pytest.fixture(scope="module")
def fuzzing() -> Iterator[Fuzzing]:
    if not Path("/proc/self/status").is_file():
        pytest.skip("needs fork and /proc")
    made = Fuzzing()
    yield made
    made.close()


@pytest.mark.budget
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_in_words(name: str, fuzzing: Fuzzing, tmp_path: Path) -> None:
    examples = READERS[name].examples * EFFORT
    found = fuzzing(name, tmp_path, examples, SEED)
    assert not found.failure, found.failure
    assert found.read + found.refused >= examples
