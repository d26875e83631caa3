"""Runs to report on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_runs import MakeRun, log_lines, make_results


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes `<tmp>/experiments/<name>`; `log=False` for a run only validated, `results=False` for one only trained."""

    def make(name: str = "run-a", *, log: bool = True, results: bool = True, **more: Any) -> Path:
        folder = tmp_path / "experiments" / name
        folder.mkdir(parents=True)
        (folder / "options.yml").write_text(f"name: {name}\n")
        if log:
            (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log_lines(name=name)))
        if results:
            make_results(folder / "results" / "val", name, **more)
        return folder

    return make
