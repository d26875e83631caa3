"""RRSNet, RRSGAN, RGTNet and RGTGAN side by side: the small option files trained on one synthetic world and measured.

python benchmarks/reference_gans.py WORK writes benchmarks/results/reference-gans.json.

WORK takes the world and the runs; what is there already is kept, so a second call goes on. Each network is measured
with its own reference, with another place's and with none. The GANs start from the trained networks, so they
have more steps. RGTNet and RGTGAN are there as released, and in the reading that the paper suggests (dense).
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import torch

from refsr.core.atomic import write_text
from runs import ROOT, WORLD, small_world, train_and_evaluate

FILES = ("rrsnet/small", "rgtnet/small", "rgtnet/small-dense", "rrsgan/small", "rgtgan/small", "rgtgan/small-dense")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work.resolve()
    small_world(work)
    content = {
        "world": json.loads((work / WORLD / "world.json").read_text())["knobs"],
        "score": "mean over the held-out places and its 95 % bootstrap interval",
        "machine": f"{platform.machine()}, CPU",
        "torch": torch.__version__,
        "systems": {
            name: train_and_evaluate(work, name, metrics=("st-lpips", "gms"), perturbed=("swap", "blank"))
            for name in FILES
        },
    }
    write_text(ROOT / "benchmarks" / "results" / "reference-gans.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
