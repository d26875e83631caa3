"""What a hyperspectral cube is worth at x16: SpecGAN, small, on a world with cubes on LR's grid.

python benchmarks/spectral_guidance.py WORK writes benchmarks/results/spectral-guidance.json.

WORK takes the world and the runs; what is there already is kept, so a second call goes on. The bank is trained first.
Then one network learns with cubes, another (`blind`) in the same steps from cubes that are all but zero. The first is
measured with the right cube, with another place's and with its mean spectrum everywhere. Gains are image by image.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch

from refsr.core.atomic import write_text
from refsr.evaluation.results import Results, summarise
from runs import ROOT, small_world, train_and_evaluate, trained

WORLD = "dataset/spectral_world"
FILE = "specgan/small-x16"
NOTHING = [f"datasets.{name}.range_hsi=[0,1e9]" for name in ("train", "val", "test")]
"""Brings all reflectance to zero."""
BLIND = ["name=small_SpecGAN_x16_blind", *NOTHING]
CUBES = ("swap", "blank")
METRICS = ("st-lpips",)
RESULT = ROOT / "benchmarks" / "results" / "spectral-guidance.json"


def differences(work: Path, runs: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """What the right cube gains over each other way, by metric: mean over images and its 95 % interval."""
    kept = {key: Results.read(work / "exp" / "experiments" / run / "results" / "test") for key, run in runs.items()}
    first = kept["with cube"]
    protocol, right = next(iter(first.protocols)), runs["with cube"]
    others = {how: (first, f"{right} hsi={how}") for how in CUBES} | {"blind": (kept["blind"], runs["blind"])}
    others["bicubic"] = (first, "bicubic")
    found: dict[str, dict[str, list[float]]] = {}
    for name, (results, method) in others.items():
        for metric in ("psnr", "ssim", *METRICS, "cover-accuracy"):
            own, other = first.values(right, protocol, metric), results.values(method, protocol, metric)
            if not own:
                continue
            gain = summarise(name, protocol, metric, [own[image] - other[image] for image in own])
            found.setdefault(name, {})[metric] = [round(value, 4) for value in (gain.mean, gain.low, gain.high)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work.resolve()
    small_world(work, WORLD)
    bank, _ = trained(work, "specgan/small-bank")
    assert bank.train is not None
    systems = {
        "with cube": train_and_evaluate(work, FILE, metrics=METRICS, cubes=CUBES),
        "blind": train_and_evaluate(work, FILE, BLIND, metrics=METRICS),
    }
    content: dict[str, Any] = {
        "world": json.loads((work / WORLD / "world.json").read_text())["knobs"],
        "score": "mean over the held-out places and its 95 % bootstrap interval",
        "machine": f"{platform.machine()}, CPU",
        "torch": torch.__version__,
        "bank": {"iterations": bank.train.niter, "images": bank.train.niter * bank.datasets["train"].batch_size},
        "systems": systems,
        "gains": differences(work, {key: one["run"] for key, one in systems.items()}),
    }
    write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
