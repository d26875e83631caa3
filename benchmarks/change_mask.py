"""Calibrates and measures the estimated change mask on worlds, whose changes are known to the pixel.

python benchmarks/change_mask.py [--worlds FOLDER] [--calibrate] [--pictures FOLDER]

makes worlds of three kinds (or finds them in FOLDER), measures the estimate on those held out, beside simple ways to
make a mask, and writes benchmarks/results/change_mask.json. With --calibrate the
model is first fitted to the other worlds, and its file in the package is replaced. Thresholds, those of the simple ways
included, come from the worlds that were fitted to.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.data.change import calibration as model
from refsr.data.change.calibration import Calibration, calibration, hinges
from refsr.data.change.estimate import change_evidence, change_probability, mask_under
from refsr.data.degradation.levels import quantised
from refsr.data.degradation.presets import preset
from refsr.data.degradation.steps import apply_steps
from refsr.data.images import read_image, write_image
from refsr.ops.resize import imresize
from refsr.registration.gradients import smooth
from refsr.registration.transforms import Floats
from refsr.worlds.knobs import knobs_like
from refsr.worlds.world_folder import make_world

RESULTS = Path(__file__).resolve().parent / "results" / "change_mask.json"
SCALES = (4, 8, 16)
DEGRADATIONS = ("bicubic", "refdiff-real")
SIZE = 512
NEAR = {"misregistration": 2.0, "rotation": 0.1, "scale_difference": 0.1, "spectral_shift": 1.0}
KINDS: dict[str, tuple[str | None, dict[str, Any]]] = {"a": (None, {}), "b": (None, NEAR), "c": ("rrssrd", {})}
"""Any pair; pairs that are registered, but of two sensors; pairs as in RRSSRD."""
SETS = {"cal": (1101, 24), "held": (2101, 12)}
"""First seed, and places of each kind."""
RIDGE = 1e-4
ROUNDS = 12
MOST_PIXELS = 150_000
THRESHOLDS = np.arange(0.1, 0.9, 0.02)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A pair at one scale."""

    kind: str
    degradation: str
    scale: int
    lr: Floats
    ref: Floats
    hr: Floats
    changed: Mask


def cases(folder: Path, which: str, scales: tuple[int, ...], workers: int) -> Iterator[Case]:
    """All pairs of a set at these scales, from worlds that are made where they are missing."""
    seed, places = SETS[which]
    for number, (kind, (like, given)) in enumerate(KINDS.items()):
        world = folder / f"{which}_{kind}"
        knobs = knobs_like(
            like, {"places": places, "val": 0, "test": 0, "size": SIZE, "scale": 16, "seed": seed + number, **given}
        )
        make_world(world, knobs, workers)
        for file in sorted((world / "train" / "HR").iterdir()):
            members = {
                name: read_image(next((world / "train" / name).glob(f"{file.stem}.*")))
                for name in ("HR", "Ref", "mask")
            }
            hr, ref = (members[name].astype(np.float32) / 255 for name in ("HR", "Ref"))
            for scale in scales:
                for degradation in DEGRADATIONS:
                    generator = numpy_generator(0, "change", which, number, file.stem, scale)
                    steps = preset(degradation).draw(generator, SIZE, SIZE, scale)
                    lr = quantised(apply_steps(members["HR"], steps), 255).astype(np.float32) / 255
                    yield Case(kind, degradation, scale, lr, ref, hr, members["mask"][:, :, 0] > 0)


def fit(found: list[tuple[dict[str, Floats], Floats, Floats]], scale: int) -> Calibration:
    """Iterated least squares with a ridge; each pixel of LR counts as the part of it that changed."""
    names = tuple(found[0][0])
    seen = [reached.ravel() > 0 for _, reached, _ in found]
    target = np.concatenate([part.ravel()[keep] for (_, _, part), keep in zip(found, seen, strict=True)])
    chosen = numpy_generator(0, "change", "fit").permutation(len(target))[:MOST_PIXELS]
    target = target[chosen].astype(np.float64)
    columns, means, stds = [], [], []
    for name in names:
        plane = np.concatenate([planes[name].ravel()[keep] for (planes, _, _), keep in zip(found, seen, strict=True)])
        means.append(round(float(plane.mean()), 6))
        stds.append(round(float(plane.std()), 6) or 1.0)
        columns.append(hinges(plane[chosen], means[-1], stds[-1]))
    table = np.concatenate([*columns, np.ones((len(target), 1), np.float32)], axis=1).astype(np.float64)
    ridge = RIDGE * len(target) * np.eye(table.shape[1])
    ridge[-1, -1] = 0
    weights = np.zeros(table.shape[1])
    for _ in range(ROUNDS):
        expected = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        curvature = (table * (expected * (1 - expected) + 1e-6)[:, None]).T @ table + ridge
        weights += np.linalg.solve(curvature, table.T @ (target - expected) - ridge @ weights)
    slopes = tuple(tuple(round(float(one), 6) for one in row) for row in weights[:-1].reshape(len(names), -1))
    return Calibration(scale, names, tuple(means), tuple(stds), slopes, round(float(weights[-1]), 6), 0.5)


class Tally:
    """Counts of pixels at each threshold, and what the area under the ROC curve takes."""

    def __init__(self) -> None:
        self.counts = np.zeros((len(THRESHOLDS), 3))
        self.scores: list[Floats] = []
        self.truths: list[Mask] = []

    def add(self, score: Floats, changed: Mask) -> None:
        """Scores in [0, 1] at HR's pixels."""
        for place, threshold in enumerate(THRESHOLDS):
            mask = score > threshold
            both = np.count_nonzero(mask & changed)
            self.counts[place] += both, np.count_nonzero(mask) - both, np.count_nonzero(changed) - both
        self.scores.append(score[::4, ::4].ravel())
        self.truths.append(changed[::4, ::4].ravel())

    def best(self) -> float:
        """The threshold of the highest F1."""
        right, wrong, missed = self.counts.T
        return round(float(THRESHOLDS[int(np.argmax(right / np.maximum(2 * right + wrong + missed, 1)))]), 2)

    def quality(self, threshold: float) -> dict[str, float]:
        """At a threshold that was chosen elsewhere."""
        right, wrong, missed = self.counts[int(np.argmin(np.abs(THRESHOLDS - threshold)))]
        found = {
            "precision": right / max(right + wrong, 1),
            "recall": right / max(right + missed, 1),
            "f1": 2 * right / max(2 * right + wrong + missed, 1),
            "iou": right / max(right + wrong + missed, 1),
            "auc": area(np.concatenate(self.scores), np.concatenate(self.truths)),
        }
        return {name: round(float(value), 4) for name, value in found.items()}


def area(scores: Floats, changed: Mask) -> float:
    """Under the ROC curve; equal scores count half."""
    from scipy.stats import rankdata

    ranks, count = rankdata(scores), int(np.count_nonzero(changed))
    return float((ranks[changed].sum() - count * (count + 1) / 2) / (count * (len(ranks) - count)))


def at_size(plane: Floats, scale: int) -> Floats:
    """(h, w) -> HR's size, in [0, 1]."""
    return np.clip(imresize(plane.astype(np.float32), scale), 0, 1)


def plain_difference(case: Case) -> Floats:
    """|LR - reduced Ref|, nothing registered, no colours fitted."""
    low = imresize(case.ref, f"1/{case.scale}")
    return at_size(np.abs(case.lr - low).mean(axis=2) * 2, case.scale)


def matched_difference(case: Case) -> Floats:
    """The same after each band's mean and standard deviation are brought to LR's, smoothed over a pixel."""
    low = imresize(case.ref, f"1/{case.scale}")
    matched = (low - low.mean((0, 1))) / (low.std((0, 1)) + 1e-6) * case.lr.std((0, 1)) + case.lr.mean((0, 1))
    return at_size(smooth(np.abs(case.lr - matched).mean(axis=2).astype(np.float32), 1) * 4, case.scale)


def everything(case: Case) -> Floats:
    """All counts as changed."""
    return np.ones(case.changed.shape, np.float32)


SIMPLE: dict[str, Callable[[Case], Floats]] = {
    "plain difference": plain_difference,
    "matched difference": matched_difference,
    "all changed": everything,
}


def calibrated(folder: Path, scale: int, workers: int) -> tuple[Calibration, dict[str, float]]:
    """The model of one scale, and the thresholds of the simple ways."""
    found, kept = [], []
    tallies = {name: Tally() for name in ("estimate", *SIMPLE)}
    for case in cases(folder, "cal", (scale,), workers):
        planes, reached = change_evidence(case.lr, case.ref, scale)
        side = SIZE // scale
        part = case.changed.reshape(side, scale, side, scale).mean((1, 3))
        found.append((planes, reached, part))
        kept.append(case.changed)
        for name, way in SIMPLE.items():
            tallies[name].add(way(case), case.changed)
    fitted = fit(found, scale)
    for (planes, _, _), changed in zip(found, kept, strict=True):
        tallies["estimate"].add(at_size(fitted.probability(planes), scale), changed)
    thresholds = {name: tally.best() for name, tally in tallies.items()}
    return dataclasses.replace(fitted, threshold=thresholds["estimate"]), thresholds


def measured(
    folder: Path, known: Calibration, thresholds: dict[str, float], pictures: Path | None, workers: int
) -> dict[str, Any]:
    """What the estimate and the simple ways come to on the worlds held out, at one scale."""
    tallies: dict[str, dict[str, Tally]] = {}
    seconds = []
    for number, case in enumerate(cases(folder, "held", (known.scale,), workers)):
        start = time.process_time()
        probability = change_probability(case.lr, case.ref, known.scale, known)
        seconds.append(time.process_time() - start)
        score = at_size(probability, known.scale)
        scores = {"estimate": score} | {name: way(case) for name, way in SIMPLE.items()}
        for name, found in scores.items():
            for group in ("all", case.degradation, f"worlds {case.kind}"):
                tallies.setdefault(group, {}).setdefault(name, Tally()).add(found, case.changed)
        if pictures is not None and number % 9 == 0:
            window = Window(0, 0, SIZE, SIZE)
            mask = mask_under(probability, known.scale, window, known.threshold)[:, :, 0] > 0
            write_image(pictures / f"x{known.scale}" / f"{number:03d}.png", picture(case, score, mask))
    table = {
        group: {name: tally.quality(thresholds[name]) for name, tally in found.items()}
        for group, found in tallies.items()
    }
    return {"table": table, "cpu_seconds_a_pair": round(float(np.mean(seconds)), 3)}


def picture(case: Case, score: Floats, mask: Mask) -> npt.NDArray[np.uint8]:
    """Ref, HR, LR, the probability, and HR with what was found (green), missed (blue) and wrong (red)."""
    low = np.clip(imresize(case.lr, case.scale), 0, 1)
    shown = case.hr * 0.5
    for band, where in enumerate((mask & ~case.changed, mask & case.changed, ~mask & case.changed)):
        shown[where, band] += 0.5
    grey = np.repeat(score[:, :, None], 3, axis=2)
    return quantised(np.concatenate([case.ref, case.hr, low, grey, shown], axis=1), 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=Path, help="where the worlds are or shall be kept")
    parser.add_argument("--calibrate", action="store_true", help="fit anew, and replace the package's calibration")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results: dict[str, Any] = {"scales": {}}
    fitted = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.worlds or Path(temporary)
        for scale in SCALES:
            if arguments.calibrate:
                known, thresholds = calibrated(folder, scale, arguments.workers)
            else:
                known, thresholds = calibration(scale), before["scales"][str(scale)]["thresholds"]
            found = measured(folder, known, thresholds, arguments.pictures, arguments.workers)
            results["scales"][str(scale)] = {"thresholds": thresholds, **found}
            fitted.append(dataclasses.replace(known, quality=found["table"]["all"]["estimate"]))
            for name, quality in found["table"]["all"].items():
                print(f"x{scale} {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in quality.items()))
    if arguments.calibrate:
        content = json.dumps({"scales": [dataclasses.asdict(one) for one in fitted]})
        write_text(Path(model.__file__).with_name(model.FILE), content + "\n")
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
