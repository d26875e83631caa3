"""The tables of the pages are what the stored results say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def test_tables_are_the_results():
    called = [sys.executable, str(REPOSITORY / "scripts" / "tables.py"), "--check"]
    told = subprocess.run(called, capture_output=True, text=True, check=False)
    assert told.returncode == 0, f"{told.stdout}{told.stderr}python scripts/tables.py writes them"
