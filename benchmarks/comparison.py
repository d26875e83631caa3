"""Networks with and without a reference on real images and on synthetic places: quality, use of the reference, costs.

python benchmarks/comparison.py WORK [FOLDER] writes benchmarks/results/comparison.json.

WORK holds bench/registered-x4 (by scripts/registered.sh x4), dataset/bundled_world (by scripts/bundled_world.sh) and
weights/dat-light-x4.safetensors (by scripts/bundled_models.sh), and takes what is measured; FOLDER holds rrssrd/ and
kagglesrd/; without it, that is data/ in REFSR_SHARED. Whole images, all of each set, LR from files; LR_UX4 and Ref_DUX4
are made from LR and Ref, as refsr restore makes them. References are registered first.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from meters import processor
from real_data import FOLDER, SCALE, SETS

import refsr as package
from refsr.core.atomic import write_text
from refsr.core.registry import bundled
from refsr.data.stores import open_store
from refsr.evaluation.results import Results
from runs import ROOT, refsr

RESULT = ROOT / "benchmarks" / "results" / "comparison.json"
PROTOCOL = "rgb-uint8-border4"
METRICS = ("psnr", "ssim", "st-lpips")
WORLDS = {
    "world, within two pixels": ("near", "aligned"),
    "world, off by pixels": ("rrssrd", "kagglesrd"),
}
"""Held-out places of scripts/bundled_world.sh, by how their references lie."""
TRAINED = ("EDSR", "SwinIR", "TSFNet", "RRSNet", "RGTNet", "RRSGAN", "RGTGAN", "GatedTransfer")
"""Small networks of options/bench/registered-x4.yml, trained alike; those with a reference have it registered."""
DAT = "DAT-light"
BEHIND = 0.1
"""dB below DAT-light, which takes no reference, from which on an image counts as worse than without."""
OWN = "own"
"""The network among the methods of its results."""
FILE = "comparison.yml"
SIDE = 256
"""Of LR, for the processor time: four images side by side."""


def sections(work: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The sets by their keys in an option file."""
    places = {name: folder / place for name, place in SETS.items()}
    places["worlds"] = work / "dataset" / "bundled_world" / "test"
    found = {}
    for name, place in places.items():
        references = next(one for one in ("google_Ref", "Ref") if (place / one).is_dir())
        found[f"test_{name.replace(' ', '_')}"] = {
            "name": name,
            "mode": "reference",
            "dataroot_GT": str(place / "HR"),
            "dataroot_LQ": str(place / "LR"),
            "dataroot_Ref": str(place / references),
            "lr_up": "from_lr",
            "ref_down": "from_ref",
        }
    return found


def methods(work: Path) -> dict[str, str]:
    """Weights by label: DAT-light, bundled ones, and small networks of the bench as far as they have been trained."""
    found = {DAT: str(work / "weights" / "dat-light-x4.safetensors"), **{name: name for name in bundled()}}
    for name in TRAINED:
        for run in (name, f"{name}-registered"):
            folder = work / "bench" / "registered-x4" / "experiments" / run
            if folder.is_dir():
                found[f"{name}, small"] = str(folder)
    return found


def measured(
    work: Path, key: str, label: str, weights: str, perturbed: Sequence[str], register: str = "auto"
) -> Results:
    """Scores of one set, with `perturbed` references too."""
    output = work / "comparison" / register / label.replace(", ", "-")
    kept = output / key
    if not (kept / "results.json").is_file():
        words = ["--weights", weights, "--dataset", key, "--register", register, "-o", str(output)]
        words += [word for how in perturbed for word in ("--ref", how)]
        words += ["--metric", "st-lpips"] if register == "auto" else []
        refsr(work, "val", str(work / FILE), "--no-images", *words)
    return Results.read(kept)


def of_worlds(results: Results, worlds: tuple[str, ...]) -> Results:
    """The results of the places of some worlds."""
    return replace(results, scores=[one for one in results.scores if one.image.startswith(worlds)])


def stored_of(results: Results, method: str, without: Mapping[str, float]) -> dict[str, Any]:
    """Means of a method, its PSNR with perturbed references, and how many images fall behind those `without` one."""

    def mean(name: str, metric: str) -> float:
        return round(float(np.mean(list(results.values(name, PROTOCOL, metric).values()))), 4)

    psnr = results.values(method, PROTOCOL, "psnr")
    metrics = [metric for metric in METRICS if results.values(method, PROTOCOL, metric)]
    found: dict[str, Any] = {"images": len(psnr), **{metric: mean(method, metric) for metric in metrics}}
    perturbed = (one for one in results.methods if one.startswith(f"{method} ref="))
    found |= {one.removeprefix(f"{method} ref="): mean(one, "psnr") for one in perturbed}
    return {**found, "behind": sum(psnr[image] < without[image] - BEHIND for image in psnr)}


def timed(weights: str, lr: Path, ref: Path) -> dict[str, float]:
    """Processor seconds for a megapixel of the result on one thread: the network alone, and with its registration."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import comparison as c; c.time_one()"
    command = [sys.executable, "-c", code, weights, str(lr), str(ref)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def time_one() -> None:
    """Of the process that times one network: prints the least of two passes each."""
    torch.set_num_threads(1)
    weights, *places = sys.argv[1:]
    lr, ref = (_mosaic(Path(place), side) for place, side in zip(places, (SIDE, SIDE * SCALE), strict=True))
    restorer = package.load(weights, device="cpu")
    ways = {"alone": None, "registered": "auto"} if "ref" in restorer.inputs else {"alone": None}
    found = {}
    for way, register in ways.items():
        given = {} if "ref" not in restorer.inputs else {"ref": ref, "register": register or "none"}
        seconds = []
        for _ in range(2):
            start = processor(cuda=False)
            restored = restorer.restore(lr, **given)
            seconds.append(processor(cuda=False) - start)
        found[way] = round(min(seconds) / (restored.shape[0] * restored.shape[1] / 1e6), 2)
    print(json.dumps(found))


def _mosaic(folder: Path, side: int) -> Any:
    """The first image of a folder as often side by side as fills a square."""
    store = open_store(folder)
    image = store.read(next(iter(store.keys())))
    times = -(-side // min(image.shape[:2]))
    return np.tile(image, (times, times, 1))[:side, :side]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    work, folder = arguments.work.resolve(), arguments.folder.resolve()
    sets = sections(work, folder)
    network = {"which_model_G": "GatedTransfer"}
    content = {"name": OWN, "model": "regression", "scale": SCALE, "datasets": sets, "network_G": network}
    write_text(work / FILE, yaml.safe_dump(content))
    costs: dict[str, dict[str, Any]] = {}
    scores: dict[str, dict[str, Any]] = {}
    without: dict[str, dict[str, float]] = {}
    first = next(iter(sets.values()))
    for label, weights in methods(work).items():
        restorer = package.load(weights, device="cpu")
        costs[label] = {
            "parameters": sum(one.numel() for one in restorer.network.parameters()),
            **timed(weights, Path(first["dataroot_LQ"]), Path(first["dataroot_Ref"])),
        }
        for key, section in sets.items():
            perturbed = ("swap", "blank") if "ref" in restorer.inputs else ()
            results = measured(work, key, label, weights, perturbed)
            lying = measured(work, key, label, weights, ("swap",), "none") if label in bundled() else None
            for part, worlds in WORLDS.items() if section["name"] == "worlds" else ((section["name"], ("",)),):
                own = of_worlds(results, worlds)
                if label == DAT:
                    without[part] = own.values(OWN, PROTOCOL, "psnr")
                    scores[part] = {"bicubic": stored_of(own, "bicubic", without[part])}
                scores[part][label] = stored_of(own, OWN, without[part])
                if lying is not None:
                    scores[part][label]["as it lies"] = stored_of(of_worlds(lying, worlds), OWN, without[part])
    stored = {
        "protocol": PROTOCOL,
        "registration": "auto",
        "machine": f"{platform.machine()}, CPU",
        "torch": torch.__version__,
        "behind": f"images more than {BEHIND} dB below {DAT}",
        "methods": costs,
        "sets": scores,
    }
    write_text(RESULT, json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
