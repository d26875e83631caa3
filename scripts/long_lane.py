"""Runs the slow tests and keeps how they ended: python scripts/long_lane.py [pytest arguments]"""

from __future__ import annotations

import datetime
import json
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
        command = [sys.executable, "-m", "pytest", "-m", "slow", f"--junitxml={report}", *words]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if not report.exists():
            return code
        found = json.dumps(summary(report, time.monotonic() - begun), indent=1) + "\n"
    if words:
        print(found, end="")
    else:
        RESULT.write_text(found, encoding="utf-8")
        print(f"{RESULT.relative_to(ROOT)}: written")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
