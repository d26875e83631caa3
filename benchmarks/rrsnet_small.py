"""Where rrsnet-small-x4 stands: on held-out places of its worlds, and on real images, with references as they lie.

python benchmarks/rrsnet_small.py WORK [FOLDER] writes benchmarks/results/rrsnet-small.json.

WORK holds dataset/bundled_world (by scripts/bundled_world.sh) and takes what is measured; FOLDER holds rrssrd/ and
kagglesrd/; without it, that is data/ in REFSR_SHARED. LR_UX4 and Ref_DUX4 are made from LR and Ref, as refsr restore
makes them; bicubic is that of the same LR.
"""

from __future__ import annotations

import json
import platform
from typing import Any

import torch
import yaml
from comparison import HELD_OUT, measured, of_worlds, reference_set, work_parser
from real_data import SCALE, SETS

from refsr.core.atomic import write_text
from refsr.core.registry import bundled
from refsr.evaluation.results import Results
from runs import ROOT, scores_of

NAME = "rrsnet-small-x4"
FILE = ROOT / "options" / "bundled" / f"{NAME}.yml"
RESULT = ROOT / "benchmarks" / "results" / "rrsnet-small.json"


def stored_of(results: Results) -> dict[str, Any]:
    """What is stored of them: by method and measure, mean and 95 % interval."""
    protocol = next(iter(results.protocols))
    images = len(results.values("bicubic", protocol, "psnr"))
    return {"images": images, "protocol": protocol, "scores": scores_of(results)}


def main() -> None:
    arguments = work_parser(__doc__).parse_args()
    work, folder = arguments.work, arguments.folder
    file = work / "real.yml"
    places = {place.replace("/", "_"): (name, folder / place) for name, place in SETS.items()}
    real = {f"test_{key}": reference_set(name, place) for key, (name, place) in places.items()}
    network = {"which_model_G": "RRSNet"}
    write_text(
        file,
        yaml.safe_dump({"name": "real", "model": "regression", "scale": SCALE, "datasets": real, "network_G": network}),
    )
    synthetic = measured(work, FILE, NAME, "test", "world", ("swap", "blank"))
    sets = {name: stored_of(of_worlds(synthetic, worlds)) for name, worlds in HELD_OUT.items()}
    for key, section in real.items():
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
