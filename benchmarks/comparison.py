"""Networks with and without a reference on real images and on synthetic places: quality, use of the reference, costs.

python benchmarks/comparison.py WORK [FOLDER] [--only LABEL ...] writes benchmarks/results/comparison.json. With --only,
the networks of these labels, such as refsr-x4, and DAT-light are measured, and the figures of the others stay.

WORK holds bench/registered-x4 (by scripts/registered.sh x4), dataset/bundled_world (by scripts/bundled_world.sh) and
weights/dat-light-x4.safetensors (by scripts/bundled_models.sh), and takes what is measured; FOLDER holds rrssrd/ and
kagglesrd/; without it, that is data/ in REFSR_SHARED. Whole images, all of each set, LR from files; LR_UX4 and Ref_DUX4
are made from LR and Ref, as refsr restore makes them. References are registered first.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from meters import processor
from real_data import FOLDER, SCALE, SETS, kind_folder

import refsr
from refsr.core.atomic import write_text
from refsr.core.registry import DEFAULT_MODEL
from refsr.data.stores import open_store
from refsr.evaluation.results import Results
from refsr.inference.restorer import Restorer
from runs import ROOT
from runs import refsr as command

RESULT = ROOT / "benchmarks" / "results" / "comparison.json"
HELD_OUT = {
    "held out, within two pixels": ("near", "aligned"),
    "held out, off by pixels": ("rrssrd", "kagglesrd"),
}
"""Worlds by how their references lie."""
PROTOCOL = "rgb-uint8-border4"
METRICS = ("psnr", "ssim", "st-lpips-alex")
TRAINED = ("EDSR", "SwinIR", "TSFNet", "RRSNet", "RGTNet", "RRSGAN", "RGTGAN", "GatedTransfer")
"""Small networks of options/bench/registered-x4.yml, trained alike; those with a reference have it registered."""
DAT = "DAT-light"
BEHIND = 0.1
"""dB below DAT-light, which takes no reference, from which on an image counts as worse than without."""
BUNDLED = (DEFAULT_MODEL, "refsr-x4-fast")
"""rrsnet-small-x4 has a benchmark of its own: it takes ten times as long."""
OWN = "own"
"""The network among the methods of its results."""
FILE = "comparison.yml"
TIMED = 2
"""Images of the first set that are timed."""


def reference_set(name: str, place: Path) -> dict[str, str]:
    """The section of a test set in an option file."""
    return {
        "name": name,
        "mode": "reference",
        "dataroot_GT": str(place / "HR"),
        "dataroot_LQ": str(place / "LR"),
        "dataroot_Ref": str(kind_folder(place, "Ref")),
        "lr_up": "from_lr",
        "ref_down": "from_ref",
    }


def measured(
    work: Path, file: Path, weights: str, key: str, output: str, perturbed: Sequence[str], words: Sequence[str] = ()
) -> Results:
    """Scores of one set of an option file, with `perturbed` references too; `words` are further ones of refsr val."""
    kept = work / output / key
    if not (kept / "results.json").is_file():
        words = ["--weights", weights, "--dataset", key, "-o", str(work / output), *words]
        words += [word for how in perturbed for word in ("--ref", how)]
        command(work, "val", str(file), "--no-images", *words)
    return Results.read(kept)


def of_worlds(results: Results, worlds: tuple[str, ...]) -> Results:
    """The results of the places of some worlds."""
    return replace(results, scores=[one for one in results.scores if one.image.startswith(worlds)])


def sections(work: Path, folder: Path) -> dict[str, dict[str, str]]:
    """The sets by their keys in an option file: the published ones, and the places of scripts/bundled_world.sh."""
    places = {name: folder / place for name, place in SETS.items()}
    places["worlds"] = work / "dataset" / "bundled_world" / "second" / "test"
    return {f"test_{name.replace(' ', '_')}": reference_set(name, place) for name, place in places.items()}


def methods(work: Path) -> dict[str, str]:
    """Weights by label: DAT-light, bundled ones, and small networks of the bench as far as they have been trained."""
    found = {DAT: str(work / "weights" / "dat-light-x4.safetensors"), **{name: name for name in BUNDLED}}
    for name in TRAINED:
        for run in (name, f"{name}-registered"):
            folder = work / "bench" / "registered-x4" / "experiments" / run
            if folder.is_dir():
                found[f"{name}, small"] = str(folder)
    return found


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


def timed(restorer: Restorer, section: Mapping[str, str]) -> dict[str, float]:
    """Processor seconds for a megapixel of the result on one thread: the network alone, and with its registration.

    Of two passes the faster counts.
    """
    torch.set_num_threads(1)
    lrs, refs = (open_store(section[root]) for root in ("dataroot_LQ", "dataroot_Ref"))
    pairs = [(lrs.read(key), refs.read(key)) for key in list(lrs.keys())[:TIMED]]
    megapixels = sum(lr.shape[0] * lr.shape[1] for lr, _ in pairs) * SCALE**2 / 1e6
    takes_ref = "ref" in restorer.inputs
    ways = {"alone": "none", "registered": "auto"} if takes_ref else {"alone": "none"}
    found = {}
    for way, register in ways.items():
        seconds = []
        for _ in range(2):
            start = processor(cuda=False)
            for lr, ref in pairs:
                restorer.restore(lr, **({"ref": ref, "register": register} if takes_ref else {}))
            seconds.append(processor(cuda=False) - start)
        found[way] = round(min(seconds) / megapixels, 2)
    return found


def work_parser(about: str | None) -> argparse.ArgumentParser:
    """The words of a benchmark that name where it works and where the published test sets are."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=lambda word: Path(word).resolve())
    parser.add_argument("folder", nargs="?", type=lambda word: Path(word).resolve(), default=FOLDER.resolve())
    return parser


def main() -> None:
    parser = work_parser(__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="LABEL")
    arguments = parser.parse_args()
    work, folder, only = arguments.work, arguments.folder, arguments.only
    found = methods(work)
    if unknown := set(only) - set(found):
        parser.error(f"{', '.join(sorted(unknown))}: not there; there are {', '.join(found)}")
    stored = json.loads(RESULT.read_text()) if only else {"methods": {}, "sets": {}}
    sets = sections(work, folder)
    network = {"which_model_G": "GatedTransfer"}
    content = {"name": OWN, "model": "regression", "scale": SCALE, "datasets": sets, "network_G": network}
    write_text(work / FILE, yaml.safe_dump(content))
    costs: dict[str, dict[str, Any]] = stored["methods"]
    scores: dict[str, dict[str, Any]] = stored["sets"]
    without: dict[str, dict[str, float]] = {}
    first = next(iter(sets.values()))
    for label, weights in found.items():
        if only and label not in (DAT, *only):
            continue
        restorer = refsr.load(weights, device="cpu")
        count = sum(one.numel() for one in restorer.network.parameters())
        costs[label] = {"parameters": count, **timed(restorer, first)}
        # Registration refuses another place's reference, which is then as good as a blank one: small networks, some
        # of which are slow, are measured with the former alone.
        named = ("swap", "blank") if label in BUNDLED else ("swap",)
        perturbed = named if "ref" in restorer.inputs else ()
        output = label.replace(", ", "-")
        for key, section in sets.items():
            words = ["--register", "auto", "--metric", "st-lpips-alex"]
            results = measured(work, work / FILE, weights, key, f"comparison/auto/{output}", perturbed, words)
            lying = None
            if label == DEFAULT_MODEL:
                words = ["--register", "none"]
                lying = measured(work, work / FILE, weights, key, f"comparison/none/{output}", (), words)
            for part, worlds in HELD_OUT.items() if section["name"] == "worlds" else ((section["name"], ("",)),):
                own = of_worlds(results, worlds)
                if label == DAT:
                    without[part] = own.values(OWN, PROTOCOL, "psnr")
                    scores.setdefault(part, {})["bicubic"] = stored_of(own, "bicubic", without[part])
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
