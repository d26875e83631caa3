"""Measures registration on worlds whose displacement is known, on wrong pairs, on a scene, and on real sets.

python benchmarks/registration.py [--places 24] [--wrong 500] [--worlds FOLDER] [--part worlds|wrong|scene|real ...]
writes benchmarks/results/registration.json. The scene is nine wide worlds side by side, Ref off by a shift. Elsewhere
Ref is taken from a wider world and moved by a known transform: turns to 6 degrees, scales 0.75 to 1.3, shifts to 30 HR
pixels. Errors are of pixels that did not change and that Ref shows. The real sets are those in data/ of REFSR_SHARED,
with studies/gradient_ncc.py beside it, and are left out without them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.ops.resize import imresize
from refsr.registration import Registration, register
from refsr.registration.local import jacobian
from refsr.registration.scenes import register_scene
from refsr.worlds import make

Array = npt.NDArray[Any]
REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results" / "registration.json"
SHARED = Path(os.environ.get("REFSR_SHARED", REPOSITORY.parent / "shared"))
SIZE, WIDE, SEED = 480, 720, 77
SCALES = (4, 8, 16)
STILL = {"misregistration": 0.0, "rotation": 0.0, "scale_difference": 0.0}
KINDS: dict[str, dict[str, Any]] = {
    "default": STILL,
    "kagglesrd": {"like": "kagglesrd", **STILL},
    "rrssrd": {"like": "rrssrd", **STILL},
}
TURN, SCALE_RANGE, SHIFT = 6.0, (0.75, 1.3), 30.0
SETS = {
    "KaggleSRD 1": ("kagglesrd/val_1", "Ref"),
    "KaggleSRD 2": ("kagglesrd/val_2", "Ref"),
    "RRSSRD 1": ("rrssrd/val_1st", "google_Ref"),
    "RRSSRD 2": ("rrssrd/val_2nd", "google_Ref"),
}
PARTS = ("worlds", "wrong", "scene", "real")
SCENE_SIDE = 3
"""Wide scenes along the side of the scene."""
SCENE_SHIFT = (11, -17)
"""HR pixels down and right by which the scene's Ref shows the ground elsewhere."""
FAR = 4.0
"""HR pixels of median local displacement beyond which a registration is doubtful."""


@dataclass(frozen=True)
class Pair:
    """LR and Ref, and where Ref shows each pixel of HR."""

    kind: str
    lr: Array
    ref: Array
    x: Array
    y: Array
    valid: Array


def place(folder: Path, index: int) -> dict[str, Array]:
    """Members of one wide scene, made where it is missing."""
    kind = list(KINDS)[index % len(KINDS)]
    file = folder / f"{kind}-{index:03d}.npz"
    if not file.exists():
        scene = make(index, size=WIDE, scale=4, seed=SEED, **KINDS[kind])
        np.savez(file, hr=scene.hr, ref=scene.ref, flow=scene.flow, valid=scene.flow_valid)
    with np.load(file) as members:
        return {name: members[name] for name in members.files}


def pair(
    folder: Path,
    index: int,
    scale: int,
    turn: float = TURN,
    scales: tuple[float, float] = SCALE_RANGE,
    shift: float = SHIFT,
) -> Pair:
    """HR is the middle of a wide scene; Ref a view of its wide Ref through a transform drawn up to these limits."""
    members = place(folder, index)
    hr, wide = (members[name].astype(np.float32) / 255 for name in ("hr", "ref"))
    border, middle, wide_middle = (WIDE - SIZE) // 2, (SIZE - 1) / 2, (WIDE - 1) / 2
    part = slice(border, border + SIZE)
    lr = np.rint(np.clip(imresize(hr[part, part], f"1/{scale}"), 0, 1) * 255).astype(np.float32) / 255
    draw = numpy_generator(SEED, "registration", index)
    angle = math.radians(draw.uniform(-turn, turn))
    # Ref's pixels are this many of HR's: the inverse of the scale.
    ratio = 1 / math.exp(draw.uniform(*(math.log(limit) for limit in scales)))
    length, towards = draw.uniform(0, shift), draw.uniform(0, 2 * math.pi)
    turned = ratio * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = wide_middle + length * np.array([math.cos(towards), math.sin(towards)])
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    x, y = (turned[axis, 0] * (columns - middle) + turned[axis, 1] * (rows - middle) + moved[axis] for axis in (0, 1))
    if ratio > 1.02:
        wide = cv2.GaussianBlur(wide, (0, 0), 0.5 * math.sqrt(ratio * ratio - 1))
    ref = cv2.remap(wide, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    flow = members["flow"][part, part]
    there = np.stack([columns + border + flow[:, :, 1] - moved[0], rows + border + flow[:, :, 0] - moved[1]])
    true_x, true_y = (np.einsum("ij,jhw->ihw", np.linalg.inv(turned), there)) + middle
    inside = (true_x >= 0) & (true_x <= SIZE - 1) & (true_y >= 0) & (true_y <= SIZE - 1)
    kind = list(KINDS)[index % len(KINDS)]
    return Pair(kind, lr, np.clip(ref, 0, 1), true_x, true_y, members["valid"][part, part] & inside)


def timed(lr: Array, ref: Array, scale: int) -> tuple[Registration, float]:
    """A registration, and its processor seconds."""
    start = time.process_time()
    found = register(lr, ref, scale)
    return found, time.process_time() - start


def folded(found: Registration) -> bool:
    """Whether the field turns any ground over."""
    if found.field is None:
        return False
    pressed = jacobian(found.field, found.size[0] / found.field.shape[0])
    return bool(pressed.size and pressed.min() <= 0)


def worlds(folder: Path, places: int, scale: int) -> dict[str, Any]:
    """Errors in HR pixels of Ref's frame at one scale, right pairs."""
    errors: dict[str, list[Array]] = {}
    sure: list[Array] = []
    seconds, accepted, folds = [], 0, 0
    for index in range(places):
        case = pair(folder, index, scale)
        found, spent = timed(case.lr, case.ref, scale)
        seconds.append(spent)
        accepted += found.accepted
        if not found.accepted:
            continue
        folds += folded(found)
        x, y = found.coordinates(Window(0, 0, SIZE, SIZE))
        off = np.hypot(x - case.x, y - case.y)
        errors.setdefault(case.kind, []).append(off[case.valid])
        sure.append(off[case.valid & (found.weight > 0.5)])
    every = [off for kind in errors.values() for off in kind]
    return {
        "accepted": accepted,
        "of": places,
        "folded": folds,
        "cpu_seconds_a_pair": round(float(np.mean(seconds)), 3),
        "all": spread(every),
        "weight_above_half": spread(sure),
        **{kind: spread(found) for kind, found in errors.items()},
    }


def spread(errors: list[Array]) -> dict[str, float]:
    """Over all pixels, and the median of places."""
    whole = np.concatenate(errors)
    middle = float(np.median([np.median(off) for off in errors]))
    found = {"median": np.median(whole), "p90": np.percentile(whole, 90), "median_of_places": middle}
    return {name: round(float(value), 3) for name, value in found.items()}


def wrong(folder: Path, places: int, pairs: int) -> dict[str, Any]:
    """Another place's Ref at x4: how many are accepted."""
    cases = [pair(folder, index, 4) for index in range(places)]
    both = [(one, (one + step) % places) for step in range(1, places) for one in range(places)][:pairs]
    likeness, accepted = [], 0
    for one, other in both:
        found, _ = timed(cases[one].lr, cases[other].ref, 4)
        accepted += found.accepted
        likeness.append(found.figures.likeness)
    highest = {name: round(float(np.percentile(likeness, part)), 3) for name, part in (("p99", 99), ("max", 100))}
    return {"pairs": len(both), "accepted": accepted, "likeness": highest}


def real(name: str) -> Iterator[tuple[Array, Array, Array]]:
    """LR, Ref and HR of a set, BGR."""
    folder, kind = SETS[name]
    for file in sorted((SHARED / "data" / folder / "HR").iterdir()):
        members = (next((SHARED / "data" / folder / one).glob(f"{file.stem}.*")) for one in ("LR", kind, "HR"))
        lr, ref, hr = (cv2.imread(str(member)) for member in members)
        yield lr, ref, hr


def measured(name: str, likeness: Any) -> dict[str, Any]:
    """Mean gradient correlation of HR and the registered Ref; refused pairs count 0; and another place's Ref."""
    scores, before, residuals, seconds = [], [], [], []
    for lr, ref, hr in real(name):
        small, own = (image.astype(np.float32) / 255 for image in (lr, ref))
        found, spent = timed(small, own, 4)
        seconds.append(spent)
        before.append(likeness(hr, ref))
        scores.append(likeness(hr, found.warp(ref)[0]) if found.accepted else 0.0)
        if found.accepted:
            residuals.append(found.figures.residual)
    return {
        "as_shipped": round(float(np.mean(before)), 3),
        "registered": round(float(np.mean(scores)), 3),
        "accepted": len(residuals),
        "of": len(scores),
        "residual_above_4_px": int(np.sum(np.array(residuals) > FAR)),
        "cpu_seconds_a_pair": round(float(np.mean(seconds)), 3),
    }


def scene(folder: Path) -> dict[str, Any]:
    """Processor seconds and errors of one large scene at x4, whose Ref lies beside its georeference."""
    places = [place(folder, index) for index in range(SCENE_SIDE**2)]

    def joined(name: str) -> Array:
        rows = [places[first : first + SCENE_SIDE] for first in range(0, len(places), SCENE_SIDE)]
        return np.concatenate([np.concatenate([one[name] for one in row], axis=1) for row in rows])

    hr, ref = (joined(name).astype(np.float32) / 255 for name in ("hr", "ref"))
    down, right = SCENE_SHIFT
    moved = cv2.warpAffine(ref, np.float64([[1, 0, right], [0, 1, down]]), ref.shape[1::-1])
    known = cv2.warpAffine(
        np.ones(ref.shape[:2], np.uint8), np.float64([[1, 0, right], [0, 1, down]]), ref.shape[1::-1]
    )
    lr = imresize(hr, "1/4")

    def reader(image: Array, valid: Array) -> Any:
        whole = Window(0, 0, *valid.shape)
        return lambda window: (image[window.within(whole)], valid[window.within(whole)])

    start = time.process_time()
    found = register_scene(reader(lr, np.ones(lr.shape[:2], bool)), reader(moved, known > 0), hr.shape[:2], 4)
    seconds = time.process_time() - start
    field = cv2.resize(found.displacement, hr.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    flow = joined("flow")
    off = np.hypot(field[:, :, 0] - flow[:, :, 1] - right, field[:, :, 1] - flow[:, :, 0] - down)
    weight = cv2.resize(found.weight, hr.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return {
        "megapixels": round(hr.shape[0] * hr.shape[1] / 1e6, 2),
        "cpu_seconds_a_megapixel": round(seconds * 1e6 / (hr.shape[0] * hr.shape[1]), 3),
        "accepted": found.accepted,
        "all": spread([off[joined("valid") > 0]]),
        "weight_above_half": spread([off[(joined("valid") > 0) & (weight > 0.5)]]),
    }


def gradient_likeness() -> Any:
    """The study's measure, or None where it is absent."""
    file = SHARED / "studies" / "gradient_ncc.py"
    if not file.exists() or not (SHARED / "data").is_dir():
        return None
    spec = importlib.util.spec_from_file_location("gradient_ncc", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.gradient_ncc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=24)
    parser.add_argument("--wrong", type=int, default=500, help="pairs of LR and another place's Ref")
    parser.add_argument("--worlds", type=Path, help="where wide scenes are or shall be kept")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS, help="what is measured; the rest stays")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.worlds or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for scale in SCALES if "worlds" in arguments.part else ():
            keep("worlds", f"x{scale}", worlds(folder, arguments.places, scale))
        if "wrong" in arguments.part:
            keep("wrong", "worlds x4", wrong(folder, arguments.places, arguments.wrong))
        if "scene" in arguments.part:
            keep("scene", "x4", scene(folder))
    likeness = gradient_likeness() if "real" in arguments.part else None
    for name in SETS if likeness is not None else ():
        keep("real", name, measured(name, likeness))


def keep(part: str, name: str, found: dict[str, Any]) -> None:
    """Puts one result into the file, beside what is there."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results.setdefault(part, {})[name] = found
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    print(part, name, found, flush=True)


if __name__ == "__main__":
    main()
