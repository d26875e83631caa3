"""Runs the slow tests, and those with a budget under a large one, and keeps how they ended.

    python scripts/long_lane.py [pytest arguments]

REFSR_EFFORT is the budget: how many times as much as in the default suite (12: two minutes a reader of the fuzz, 24
kills a command, a soak of ten minutes). REFSR_SEED is the seed of what is drawn; it is stored with the result.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import refsr

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "long.json"
BUDGET = {"REFSR_EFFORT": "12", "REFSR_SEED": "1"}
"""Where the environment says nothing else."""


def outcome(case: ElementTree.Element) -> str:
    found = {child.tag for child in case}
    return next((name for name in ("failure", "error", "skipped") if name in found), "passed")


def summary(report: Path, seconds: float) -> dict[str, object]:
    """Counts and times by test file; tests that did not pass are named."""
    cases = list(ElementTree.parse(report).iter("testcase"))
    files: dict[str, dict[str, float]] = {}
    for case in cases:
        one = files.setdefault(case.get("classname", ""), {"tests": 0, "seconds": 0.0})
        one["tests"] += 1
        one["seconds"] = round(one["seconds"] + float(case.get("time", 0)), 1)
    return {
        "date": datetime.date.today().isoformat(),
        "refsr": refsr.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seconds": round(seconds),
        "outcomes": dict(Counter(map(outcome, cases))),
        "files": files,
        "not_passed": [f"{case.get('classname')}::{case.get('name')}" for case in cases if outcome(case) != "passed"],
    }


def main(words: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        begun = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-m", "slow or budget", f"--junitxml={report}", *words]
        budget = {name: os.environ.get(name, usual) for name, usual in BUDGET.items()}
        code = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **budget}).returncode
        if not report.exists():
            return code
        found = json.dumps({**summary(report, time.monotonic() - begun), "budget": budget}, indent=1) + "\n"
    if words:
        print(found, end="")
    else:
        RESULT.write_text(found, encoding="utf-8")
        print(f"{RESULT.relative_to(ROOT)}: written")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
