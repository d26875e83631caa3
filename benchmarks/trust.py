"""How far results of the bundled models can be trusted: held to LR, guarded, with intervals, on places they never saw.

python benchmarks/trust.py calibrate [NAME...] --held-out FOLDER [--places N] writes the section `trust` of the cards of
bundled models anew, from the places in FOLDER (HR, LR and Ref), which is dataset/bundled_models/images/val of
scripts/bundled_models.sh, and from N places of each of three worlds. To be run when their weights change.

python benchmarks/trust.py measure [NAME...] [--folder FOLDER] [--places N] writes benchmarks/results/trust.json, of
other worlds and of the real sets, which calibration never saw, with the cards as they are. Models that are not named
keep their numbers. FOLDER holds rrssrd/ and kagglesrd/; without it, that is data/ in REFSR_SHARED. N places of each
set, spread evenly.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from real_data import FOLDER, SCALE, SETS, kind_folder
from scipy.ndimage import label, uniform_filter
from scipy.stats import spearmanr

import refsr
from refsr.core.atomic import write_text
from refsr.core.registry import bundled
from refsr.data.change.estimate import change_where
from refsr.data.derivation import blurred
from refsr.data.stores import open_store
from refsr.evaluation.calibrate import Place, calibrated, place
from refsr.inference.error_model import FEATURES, Restored, features
from refsr.inference.evidence import borrowed
from refsr.inference.registered import registered, upsampled
from refsr.inference.restorer import Restorer
from refsr.inference.trust_options import Trust, decide
from refsr.metrics import available, build
from refsr.metrics.invention import WITH_LR
from refsr.ops.resize import imresize_tensor
from refsr.runs.model_file import read_model, read_tensors, write_model
from refsr.tasks.restore import restore_function

RESULT = Path(__file__).resolve().parent / "results" / "trust.json"
NAMES = ("refsr-x4", "refsr-x4-fast", "rrsnet-small-x4")
NEAR = {
    "misregistration": 2,
    "rotation": 0.2,
    "scale_difference": 0.2,
    "sun_shift": 0.4,
    "view_angle": 4,
    "softness": 0.6,
}
WORLDS: dict[str, dict[str, Any]] = {
    "worlds like KaggleSRD": {"like": "kagglesrd", "jpeg": 0},
    "worlds like RRSSRD": {"like": "rrssrd", "jpeg": 0},
    "worlds, near": NEAR,
}
SEEDS = {"calibrate": 901, "measure": 951}
PERCEPTUAL = "st-lpips-alex"
"""Measured beside PSNR where its weights are installed."""
AROUND = 5
"""Side of the square whose other errors are compared with the one in its middle."""
SMALLEST = 64
"""Pixels of HR of a changed area that is looked at by itself."""

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class Ground:
    """Images of one place in [0, 1], (h, w, C), another place's reference, and where the ground changed, if known."""

    lr: Image
    hr: Image
    ref: Image
    swapped: Image
    changed: Image | None = None


def stored(root: Path, places: int | None = None) -> Iterator[Ground]:
    """Places of a set on disk, all or so many."""
    hr, lr, ref = (open_store(one) for one in (root / "HR", root / "LR", kind_folder(root, "Ref")))
    keys = list(hr.keys())
    for index in np.linspace(0, len(keys), min(places or len(keys), len(keys)), endpoint=False).astype(int):
        own, other = keys[index], keys[(index + 1) % len(keys)]
        yield Ground(*(unit(one) for one in (lr.read(own), hr.read(own), ref.read(own), ref.read(other))))


def made(name: str, seed: int, places: int) -> Iterator[Ground]:
    """Places of a world; another place's reference comes from far along the same world."""
    knobs = {"size": 256, "scale": SCALE, "seed": seed, "hardness": 0.5, "degradation": "sensors", **WORLDS[name]}
    for index in range(places):
        one, other = (refsr.worlds.make(number, **knobs) for number in (index, 1000 + index))
        yield Ground(unit(one.lr), unit(one.hr), unit(one.ref), unit(other.ref), one.mask.reshape(one.hr.shape[:2]) > 0)


def held_out(folder: Path, places: int) -> Iterator[tuple[str, Ground]]:
    """What models are calibrated on, by set."""
    yield from (("held out", one) for one in stored(folder))
    for name in WORLDS:
        yield from ((name, one) for one in made(name, SEEDS["calibrate"], places))


def unseen(folder: Path, places: int) -> Iterator[tuple[str, Ground]]:
    """What is measured, by set."""
    for name, place_of_set in SETS.items():
        yield from ((name, one) for one in stored(folder / place_of_set, places))
    for name in WORLDS:
        yield from ((name, one) for one in made(name, SEEDS["measure"], places))


def unit(image: Image) -> Image:
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def batch_of(restorer: Restorer, ground: Ground, ref: Image, weight: Image) -> dict[str, torch.Tensor]:
    """What the network gets of a reference on HR's grid with its weight, as `refsr restore` gives it."""
    up = upsampled(ground.lr, SCALE)
    weighted = "ref_weight" in restorer.inputs
    laid = ref if weighted else ref * weight[:, :, None] + up * (1 - weight[:, :, None])
    images = {"lr": ground.lr, "lr_up": up, "hr": ground.hr, "ref": laid, "ref_weight": weight[:, :, None]}
    if "ref_down" in restorer.inputs:
        images["ref_down"] = np.clip(blurred(laid, SCALE), 0, 1)
    return {name: torch.from_numpy(np.ascontiguousarray(one.transpose(2, 0, 1)))[None] for name, one in images.items()}


def right(restorer: Restorer, ground: Ground) -> dict[str, torch.Tensor]:
    """The batch with the place's own reference, registered."""
    found = registered(ground.lr, {"ref": ground.ref}, SCALE, "auto", blend=False)
    return batch_of(
        restorer, ground, found.images["ref"], np.zeros_like(found.weight) if found.refused else found.weight
    )


def wrong(restorer: Restorer, ground: Ground) -> dict[str, torch.Tensor]:
    """The batch with another place's reference, which nothing has registered or refused."""
    size = ground.hr.shape[:2]
    other = np.resize(ground.swapped, ground.hr.shape) if ground.swapped.shape[:2] != size else ground.swapped
    return batch_of(restorer, ground, other, np.ones(size, np.float32))


def calibrate(names: list[str], folder: Path, places: int) -> None:
    for name in names:
        file = bundled()[name]
        network, card = read_model(file)
        restorer = Restorer(network, card, torch.device("cpu"))
        restore = restore_function(card.model)
        seen = [place(restore, network, right(restorer, ground), of) for of, ground in held_out(folder, places)]
        trust = calibrated(seen)
        weights, _ = read_tensors(file)
        write_model(file, weights, replace(card, trust=trust))
        print(f"{file}: {', '.join(f'{key} {value}' for key, value in trust.items() if key != 'errors')}", flush=True)


def measure(names: list[str], folder: Path, places: int) -> None:
    models = json.loads(RESULT.read_text())["models"] if RESULT.exists() else {}
    for name in names:
        restorer = refsr.load(name, "cpu")
        restore = restore_function(restorer.card.model)
        sets: dict[str, list[Measured]] = {}
        for of, ground in unseen(folder, places):
            batch = right(restorer, ground)
            own = place(restore, restorer.network, batch, of)
            other = place(restore, restorer.network, wrong(restorer, ground), of)
            sets.setdefault(of, []).append(Measured(restorer, ground, batch, own, other))
        models[name] = {of: summary(found) for of, found in sets.items()}
        for of, row in models[name].items():
            print(name, of, json.dumps(row), flush=True)
        what = __doc__.splitlines()[0]
        write_text(RESULT, json.dumps({"what": what, "places": places, "models": models}, indent=1) + "\n")


class Measured:
    """What is measured of one place."""

    def __init__(self, restorer: Restorer, ground: Ground, batch: Any, own: Place, other: Place) -> None:
        trust = decide(restorer.card.trust)
        free = replace(trust, guard=False, consistent="off")
        guarded = replace(free, guard=True)
        none = Place(own.set_name, own.passes._replace(image=own.passes.alone), own.lr, own.lr_up, own.hr)
        self.scores = {
            "none": none.psnr(free),
            "right": own.psnr(free),
            "wrong": other.psnr(free),
            "right guarded": own.psnr(guarded),
            "wrong guarded": other.psnr(guarded),
            **{f"strength {part}": own.psnr(replace(free, strength=part)) for part in (0.25, 0.5, 0.75)},
        }
        for kind in ("off", "soft", "hard"):
            held = replace(guarded, consistent=kind)
            self.scores[f"psnr {kind}"] = own.psnr(held)
            image = own.restored(held)[0]
            self.scores[f"residual {kind}"] = residual(image, own.lr)
            self.scores |= {f"{PERCEPTUAL} {kind}": one for one in perceptual(image, own.hr)}
        self.scores["residual of HR"] = residual(own.hr, own.lr)
        none = replace(guarded, strength=0.0)
        for name, seen, asked in (("none", own, none), ("right", own, guarded), ("wrong", other, guarded)):
            image = channels_last(seen.restored(asked)[0])
            for kind, (_, measure) in WITH_LR.items():
                self.scores[f"{kind}, {name}"] = measure(image, channels_last(own.hr), channels_last(own.lr), SCALE)
        self.intervals(own, trust)
        self.changes(own, ground, batch)

    def intervals(self, own: Place, trust: Trust) -> None:
        image, mixed = own.restored(trust)
        known = features(Restored(image, mixed, own.passes.alone, own.lr, own.lr_up))
        assert trust.errors is not None, "refsr calibrate, or benchmarks/trust.py calibrate, comes first"
        self.half = trust.errors.half_width(known)[0, 0].numpy()
        apart = (image - own.hr).abs()[0]
        self.inside = (apart.numpy() <= self.half).mean(0)
        self.error = apart.mean(0).numpy()
        self.contrast = known[0, FEATURES.index("contrast")].numpy()

    def changes(self, own: Place, ground: Ground, batch: Any) -> None:
        """Changed areas, each by itself: what was borrowed there, and how sure it is, against unchanged ground."""
        self.changed, self.areas = ground.changed, []
        if ground.changed is None:
            return
        weight = batch["ref_weight"][0, 0].numpy()
        share = borrowed(own.passes, own.lr_up)[0, 0].numpy()
        ref = batch["ref"][0].permute(1, 2, 0).numpy()
        probability = change_where(ground.lr, ref, weight, SCALE)
        still = ~ground.changed & (weight > 0)
        parts, count = label(ground.changed & (weight > 0))
        for number in range(1, count + 1):
            area = parts == number
            if area.sum() < SMALLEST or not still.any():
                continue
            less = bool(share[area].mean() < share[still].mean())
            wider = bool(self.half[area].mean() > self.half[still].mean())
            likely = bool(probability[area].mean() > probability[still].mean())
            larger = bool(self.error[area].mean() > self.error[still].mean())
            self.areas.append((less, wider, likely, larger, wider == larger))


def channels_last(image: torch.Tensor) -> Image:
    """(1, C, H, W) -> (H, W, C)."""
    found: Image = image[0].permute(1, 2, 0).numpy()
    return found


def perceptual(image: torch.Tensor, target: torch.Tensor) -> list[float]:
    """The perceptual distance in a list, which is empty where it cannot be computed here."""
    if available(PERCEPTUAL) is not None:
        return []
    distance: Any = build(PERCEPTUAL)
    return [float(distance(255 * channels_last(image).clip(0, 1), 255 * channels_last(target)))]


def beside(errors: Image) -> Image:
    """The mean of the other errors around each pixel: what a predictor that sees all but the pixel could say."""
    count = AROUND**2
    found: Image = (uniform_filter(errors, AROUND) * count - errors) / (count - 1)
    return found


def residual(image: torch.Tensor, lr: torch.Tensor) -> float:
    """Root mean square, in grey levels, of LR against the image reduced."""
    reduced = imresize_tensor(image.double(), size=(lr.shape[-2], lr.shape[-1]))
    return 255 * float((reduced - lr).square().mean().sqrt())


def summary(found: list[Measured]) -> dict[str, Any]:
    """Means over the places of a set."""
    row: dict[str, Any] = {"places": len(found)}
    row |= {key: round(float(np.mean([one.scores[key] for one in found])), 4) for key in found[0].scores}

    def gathered(name: str) -> Image:
        return np.concatenate([getattr(one, name).ravel() for one in found])

    inside, half, error, contrast = (gathered(name) for name in ("inside", "half", "error", "contrast"))
    low, high = np.quantile(contrast, (1 / 3, 2 / 3))
    row["inside"] = part(inside, np.ones(len(inside), bool))
    thirds = {"low": contrast <= low, "middle": (contrast > low) & (contrast <= high), "high": contrast > high}
    row |= {f"inside, {name} contrast": part(inside, where) for name, where in thirds.items()}
    row["rank correlation"] = round(float(spearmanr(half, error)[0]), 3)
    others = np.concatenate([beside(one.error).ravel() for one in found])
    row["rank correlation of neighbours"] = round(float(spearmanr(others, error)[0]), 3)
    squares = [(pooled(one.half), pooled(one.error)) for one in found]
    first, second = (np.concatenate([pair[index].ravel() for pair in squares]) for index in (0, 1))
    row["rank correlation, LR pixels"] = round(float(spearmanr(first, second)[0]), 3)
    row["half-width"] = round(255 * float(half.mean()), 2)
    if found[0].changed is not None:
        changed = gathered("changed")
        row["inside, changed"], row["inside, unchanged"] = part(inside, changed), part(inside, ~changed)
        areas = [area for one in found for area in one.areas]
        row["changed areas"] = len(areas)
        names = ("borrow less", "are less sure", "are likelier changed", "err more", "less sure where they err more")
        for index, name in enumerate(names):
            row[name] = round(float(np.mean([area[index] for area in areas])), 3) if areas else None
    return row


def part(inside: Image, where: Image) -> float | None:
    return round(float(inside[where].mean()), 4) if where.any() else None


def pooled(plane: Image) -> Image:
    """Means over the pixels of LR."""
    height, width = plane.shape
    found: Image = plane.reshape(height // SCALE, SCALE, width // SCALE, SCALE).mean(axis=(1, 3))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("doing", choices=("calibrate", "measure"))
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--held-out", type=Path, metavar="FOLDER")
    parser.add_argument("--places", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.doing == "measure":
        measure(arguments.names, arguments.folder, arguments.places)
    elif arguments.held_out is None:
        parser.error("calibrate needs --held-out FOLDER")
    else:
        calibrate(arguments.names, arguments.held_out, arguments.places)


if __name__ == "__main__":
    main()
