"""Packs image folders into LMDB stores: python create_lmdb.py SOURCE TARGET (the same as `refsr pack`)."""

from __future__ import annotations

import sys
from pathlib import Path

try:
    from refsr.cli.main import main
except ModuleNotFoundError:
    # Not installed: run from the checkout that this script lies in.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "codes"))
    from refsr.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["pack", *(sys.argv[1:] or ["--help"])]))
