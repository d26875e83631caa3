"""Packs image folders into LMDB stores: python create_lmdb.py SOURCE TARGET (the same as `refsr pack`).

Without arguments, as the published README has it: every data set in dataset/train and dataset/val, that is the folders
HR, LR, LR_UX4, Ref and Ref_DUX4 right there (to HR.lmdb, ... beside them) or in folders of sets (to <set>_lmdb).
"""

from __future__ import annotations

import sys
from pathlib import Path

DATASET = Path(__file__).resolve().parents[1]

try:
    from refsr.cli.main import main
except ModuleNotFoundError:
    # Not installed: run from the checkout that this script lies in.
    sys.path.insert(0, str(DATASET.parent / "codes"))
    from refsr.cli.main import main

if __name__ == "__main__":
    everything = ["--all-below", str(DATASET / "train"), str(DATASET / "val")]
    sys.exit(main(["pack", *(sys.argv[1:] or everything)]))
