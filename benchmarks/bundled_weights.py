"""Where the weights that come along stand: on held-out places of their worlds, and on real images they never saw.

python benchmarks/bundled_weights.py WORK [FOLDER] writes benchmarks/results/bundled-weights.json.

WORK holds dataset/bundled_world (by scripts/bundled_world.sh) and takes what is measured; FOLDER holds rrssrd/ and
kagglesrd/; without it, that is data/ in REFSR_SHARED. LR_UX4 and Ref_DUX4 are made from LR and Ref, as refsr restore
makes them; bicubic is that of the same LR.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from real_data import FOLDER, SCALE, SETS

from refsr.core.atomic import write_text
from refsr.core.registry import bundled
from refsr.evaluation.results import Results
from runs import ROOT, refsr, scores_of

NAME = "rrsnet-small-x4"
FILE = ROOT / "options" / "bundled" / f"{NAME}.yml"
HELD_OUT = {
    "held out, within two pixels": ("near", "aligned"),
    "held out, off by pixels": ("rrssrd", "kagglesrd"),
}
"""Worlds by how their references lie."""
RESULT = ROOT / "benchmarks" / "results" / "bundled-weights.json"


def reference_set(name: str, place: Path) -> dict[str, str]:
    """The section of a test set in an option file."""
    references = next(one for one in ("google_Ref", "Ref") if (place / one).is_dir())
    return {
        "name": name,
        "mode": "reference",
        "dataroot_GT": str(place / "HR"),
        "dataroot_LQ": str(place / "LR"),
        "dataroot_Ref": str(place / references),
        "lr_up": "from_lr",
        "ref_down": "from_ref",
    }


def real_sets(folder: Path) -> dict[str, Any]:
    """An option file that measures the published test sets."""
    sets = {
        f"test_{Path(place).parent.name}_{Path(place).name}": reference_set(name, folder / place)
        for name, place in SETS.items()
    }
    network = {"which_model_G": "RRSNet"}
    return {"name": "real", "model": "RRSNet_model", "scale": SCALE, "datasets": sets, "network_G": network}


def measured(
    work: Path, file: Path, weights: str, key: str, output: str, perturbed: Sequence[str], words: Sequence[str] = ()
) -> Results:
    """Scores of one set of an option file, with `perturbed` references too; `words` are further ones of refsr val."""
    kept = work / output / key
    if not (kept / "results.json").is_file():
        words = ["--weights", weights, "--dataset", key, "-o", str(work / output), *words]
        words += [word for how in perturbed for word in ("--ref", how)]
        refsr(work, "val", str(file), "--no-images", *words)
    return Results.read(kept)


def of_worlds(results: Results, worlds: tuple[str, ...]) -> Results:
    """The results of the places of some worlds."""
    return replace(results, scores=[one for one in results.scores if one.image.startswith(worlds)])


def stored_of(results: Results) -> dict[str, Any]:
    """What is stored of them: by method and measure, mean and 95 % interval."""
    protocol = next(iter(results.protocols))
    images = len(results.values("bicubic", protocol, "psnr"))
    return {"images": images, "protocol": protocol, "scores": scores_of(results)}


def work_and_folder(about: str | None) -> tuple[Path, Path]:
    """Where a benchmark works and where the published test sets are, by its command line."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    return arguments.work.resolve(), arguments.folder.resolve()


def main() -> None:
    work, folder = work_and_folder(__doc__)
    file = work / "real.yml"
    content = real_sets(folder)
    write_text(file, yaml.safe_dump(content))
    synthetic = measured(work, FILE, NAME, "test", "world", ("swap", "blank"))
    sets = {name: stored_of(of_worlds(synthetic, worlds)) for name, worlds in HELD_OUT.items()}
    for key, section in content["datasets"].items():
        sets[section["name"]] = stored_of(measured(work, file, NAME, key, "real", ("swap",)))
    stored = {
        "weights": NAME,
        "bytes": bundled()[NAME].stat().st_size,
        "machine": f"{platform.machine()}, CPU",
        "torch": torch.__version__,
        "score": "mean over images and its 95 % bootstrap interval",
        "sets": sets,
    }
    write_text(RESULT, json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
