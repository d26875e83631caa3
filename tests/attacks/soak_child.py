"""Trains and restores again and again in one process, and tells what it holds after each round.

    python soak_child.py OPTIONS.yml FOLDER ROUNDS

prints a line of JSON a round: `train` and `restore` with bytes of memory and the number of open handles.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
import torch

import refsr
from refsr.core.options.load import load_options
from refsr.runs.process_group import ALONE
from refsr.training.trainer import train


def held() -> dict[str, int]:
    """After what Python and the allocator could give back was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"memory": pages * resource.getpagesize(), "handles": len(list(Path("/proc/self/fd").iterdir()))}


def main(options: str, folder: Path, rounds: int) -> None:
    torch.set_num_threads(1)
    logging.disable()
    restorer = refsr.load("rrsnet-small-x4", device="cpu")
    draw = np.random.default_rng(0)
    lr, ref = (draw.integers(0, 255, (side, side, 3), np.uint8) for side in (24, 96))
    for number in range(rounds):
        root = folder / str(number)
        train(load_options(options, [f"path.root={root}", "train.val_freq=3"]), ALONE)
        shutil.rmtree(root)
        trained = held()
        for _ in range(4):
            restorer.restore(lr, ref)
        sys.stdout.write(json.dumps({"train": trained, "restore": held()}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
