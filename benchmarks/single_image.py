"""TSFNet and its neighbours without a reference at x4, x8 and x16: small ones trained on one world and measured.

python benchmarks/single_image.py WORK [--scales 4 8 16] writes benchmarks/results/single-image.json.

WORK takes the world and the runs; what is there already is kept, so a second call goes on, also with other scales.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch

from refsr.core.atomic import write_text
from runs import ROOT, WORLD, small_world, train_and_evaluate

NEIGHBOURS = ("edsr", "srresnet", "swinir")
RESULT = ROOT / "benchmarks" / "results" / "single-image.json"


CROPS = {"swinir": {8: (64, 4), 16: (128, 1)}}
"""Side and number a step by factor, with as many pixels as TSFNet has; its own sides are no multiples of windows."""


def words(scale: int, name: str) -> list[str]:
    """What turns a neighbour's file for x4 into one for another factor."""
    if scale == 4:
        return []
    side, count = CROPS.get(name, {}).get(scale, (96, 2))
    crops = [f"datasets.train.GT_size={side}", f"datasets.train.batch_size={count}"]
    return [f"scale={scale}", f"name=small_{name}_x{scale}", *crops]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scales", nargs="+", type=int, choices=(4, 8, 16), default=(4, 8, 16))
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    small_world(work)
    content: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    content |= {
        "world": json.loads((work / WORLD / "world.json").read_text())["knobs"],
        "score": "mean over the held-out places and its 95 % bootstrap interval",
        "machine": f"{platform.machine()}, CPU",
        "torch": torch.__version__,
    }
    for scale in arguments.scales:
        systems = {"TSFNet": train_and_evaluate(work, f"tsfnet/small-x{scale}", metrics=("st-lpips",))}
        for name in NEIGHBOURS:
            one = train_and_evaluate(work, f"sisr/small-{name}", words(scale, name), metrics=("st-lpips",))
            systems[one["network"]] = one
        content.setdefault("scales", {})[f"x{scale}"] = systems
        write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
