"""Runs the slow tests, and those with a budget under a large one, and keeps how they ended.

    python scripts/long_lane.py                              all
    python scripts/long_lane.py tests/attacks/test_fuzz.py   these files; what is stored of others stays
    python scripts/long_lane.py -k kills                     with other arguments of pytest: printed only

REFSR_EFFORT is the budget: how many times as much as in the default suite (12: two minutes a reader of the fuzz, 24
kills a command, a soak of ten minutes). REFSR_SEED is the seed of what is drawn. Both are stored with each result.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import refsr
from refsr.core.atomic import write_text

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "long.json"
BUDGET = {"REFSR_EFFORT": "12", "REFSR_SEED": "1"}
"""Where the environment says nothing else."""


def outcome(case: ElementTree.Element) -> str:
    found = {child.tag for child in case}
    return next((name for name in ("failure", "error", "skipped") if name in found), "passed")


def by_file(report: Path, circumstances: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """How the tests of each file ended, and how long they took; those that did not pass are named."""
    cases: dict[str, list[ElementTree.Element]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        cases.setdefault(case.get("classname", ""), []).append(case)
    return {
        file: circumstances
        | {
            "seconds": round(sum(float(case.get("time", 0)) for case in of_file)),
            "outcomes": dict(Counter(map(outcome, of_file))),
            "not_passed": [str(case.get("name")) for case in of_file if outcome(case) != "passed"],
        }
        for file, of_file in cases.items()
    }


def main(words: list[str]) -> int:
    budget = {name: os.environ.get(name, usual) for name, usual in BUDGET.items()}
    circumstances = {
        "date": datetime.date.today().isoformat(),
        "refsr": refsr.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "budget": budget,
    }
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "slow or budget", f"--junitxml={report}", *words]
        code = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **budget}).returncode
        if not report.exists():
            return code
        found = by_file(report, circumstances)
    if all((ROOT / word).is_file() for word in words):
        stored = json.loads(RESULT.read_text(encoding="utf-8")) if words and RESULT.exists() else {}
        write_text(RESULT, json.dumps(dict(sorted({**stored, **found}.items())), indent=1) + "\n")
        print(f"{RESULT.relative_to(ROOT)}: written")
    else:
        print(json.dumps(found, indent=1))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
