"""What a registered reference is worth to a small RRSNet trained on real images: half of them train, half evaluate.

python benchmarks/real_references.py WORK [FOLDER] [--iterations N] [--family NAME ...] writes
benchmarks/results/real_references.json.

FOLDER holds rrssrd/ and kagglesrd/; without it, that is data/ in REFSR_SHARED. Of each family one network is trained on
the first half of both sets, by name, with the options of options/registered/rrsnet.yml. The second halves, other
places, evaluate it with their own and with another place's reference, both registered. Families that are not named keep
their figures.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch
from real_data import FOLDER, SETS, kind_folder

from refsr.core.atomic import write_text
from refsr.evaluation.results import Results
from refsr.runs.run_folder import checkpoint_steps
from runs import ROOT, refsr

OPTIONS = ROOT / "options" / "registered" / "rrsnet.yml"
RESULT = ROOT / "benchmarks" / "results" / "real_references.json"
NAME, PROTOCOL = "real_RRSNet", "rgb-uint8-border4"
FAMILIES = {"RRSSRD": "rrssrd", "KaggleSRD": "kagglesrd"}


def split(folder: Path, halves: Path) -> None:
    """Links to the first half of each set for training and to the second for evaluation, by family."""
    for name, place in SETS.items():
        family = Path(place).parts[0]
        for kind in ("HR", "LR", "Ref"):
            files = sorted(kind_folder(folder / place, kind).iterdir())
            for index, file in enumerate(files):
                part = halves / family / ("train" if index < len(files) // 2 else "test") / kind
                part.mkdir(parents=True, exist_ok=True)
                link = part / f"{name.replace(' ', '-')}-{file.name}"
                if not link.is_symlink():
                    link.symlink_to(file.resolve())


def roots(section: str, folder: Path) -> list[str]:
    """Words that point a section of the option file to other images."""
    kinds = {"GT": "HR", "LQ": "LR", "Ref": "Ref"}
    words = [f"datasets.{section}.dataroot_{key}={folder / kind}" for key, kind in kinds.items()]
    return [*words, f"datasets.{section}.register_cache={folder / 'registered'}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    arguments = parser.parse_args()
    work, halves = arguments.work.resolve(), arguments.work.resolve() / "real_halves"
    split(arguments.folder.resolve(), halves)
    stored = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    sets = stored.get("sets", {})
    for name in arguments.family:
        sets[name] = measured(work, halves / FAMILIES[name], f"{NAME}_{name}", arguments.iterations)
        stored = {
            "network": "RRSNet",
            "options": str(OPTIONS.relative_to(ROOT)),
            "protocol": PROTOCOL,
            "machine": f"{platform.machine()}, CPU",
            "torch": torch.__version__,
            "sets": sets,
        }
        write_text(RESULT, json.dumps(stored, indent=1) + "\n")


def measured(work: Path, halves: Path, run: str, iterations: int) -> dict[str, Any]:
    """Trains a network on one half, if it is not there yet, and evaluates it on the other."""
    words = [f"name={run}", f"path.root={work / 'exp'}", f"train.niter={iterations}", "train.val_freq=0"]
    words += [*roots("train", halves / "train"), *roots("val", halves / "test"), *roots("test", halves / "test")]
    if iterations not in checkpoint_steps(work / "exp" / "experiments" / run / "checkpoints"):
        refsr(work, "train", str(OPTIONS), "--auto-resume", *words)
    output = work / "real_references" / run
    refsr(work, "val", str(OPTIONS), *words, "--dataset", "test", "--ref", "swap", "--no-images", "-o", str(output))
    results = Results.read(output / "test")
    psnr = {one.method: round(one.mean, 3) for one in results.table() if one.metric == "psnr"}
    return {
        "images": len(results.values("bicubic", PROTOCOL, "psnr")),
        "iterations": iterations,
        "bicubic": psnr["bicubic"],
        "right": psnr[run],
        "another place's": psnr[f"{run} ref=swap"],
    }


if __name__ == "__main__":
    main()
