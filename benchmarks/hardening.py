"""Measures how like LR and HR registered references are: of worlds by hardness, of single images, of real sets.

python benchmarks/hardening.py [--places 12] [--open FOLDER] writes benchmarks/results/hardening.json. Likeness is that
of the registration. Detail is the correlation of what HR and Ref have beyond LR (an image less its bicubic reduction by
4, enlarged), in grey, where Ref's weight is above one half, Ref in LR's colours. Of images larger than 256 pixels the
middle counts. FOLDER holds tiles that scripts/open_images.py made. The real sets are those in data/ of REFSR_SHARED,
and are left out without them.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.data.hardening.hardness import hardness
from refsr.data.hardening.self_reference import self_reference
from refsr.data.images import read_image
from refsr.ops.resize import imresize
from refsr.registration import register
from refsr.registration.colour import in_lr_colours
from refsr.worlds import make

Unit = npt.NDArray[np.float32]
Triple = tuple[Unit, Unit, Unit]
"""HR, LR and Ref."""

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results" / "hardening.json"
SHARED = Path(os.environ.get("REFSR_SHARED", REPOSITORY.parent / "shared"))
SIDE, SCALE, BORDER, SEED = 256, 4, 4, 61
LEVELS = (0.0, 0.35, 0.7, 1.0)
LIKE = ("kagglesrd", "rrssrd")
SETS = {
    "KaggleSRD 1": ("kagglesrd/val_1", "Ref"),
    "KaggleSRD 2": ("kagglesrd/val_2", "Ref"),
    "RRSSRD 1": ("rrssrd/val_1st", "google_Ref"),
    "RRSSRD 2": ("rrssrd/val_2nd", "google_Ref"),
}


def unit(image: npt.NDArray[Any]) -> Unit:
    """8 bits -> [0, 1]."""
    return np.asarray(image, np.float32) / np.float32(255)


def detail(image: Unit) -> Unit:
    """(H, W, C) -> (H, W) what it has beyond LR, in grey."""
    grey = image.mean(axis=2, keepdims=True)
    beyond: Unit = (grey - imresize(imresize(grey, f"1/{SCALE}"), SCALE))[BORDER:-BORDER, BORDER:-BORDER, 0]
    return beyond


def measured(triples: Iterable[Triple]) -> dict[str, Any]:
    """Medians, tenth and ninetieth percentiles over the places whose reference is accepted."""
    rows, count = [], 0
    for hr, lr, ref in triples:
        count += 1
        found = register(lr, ref, SCALE)
        if not found.accepted:
            continue
        laid = in_lr_colours(np.clip(found.warp(ref)[0], 0, 1), lr)
        trusted = found.weight[BORDER:-BORDER, BORDER:-BORDER] > 0.5
        own, other = detail(hr)[trusted], detail(laid)[trusted]
        correlation = float((own * other).sum() / np.sqrt((own**2).sum() * (other**2).sum()))
        figures = found.figures
        rows.append((max(figures.likeness, figures.likeness_local), figures.matched, correlation))
    names = ("likeness", "matched", "detail")
    spread = np.quantile(np.array(rows), (0.1, 0.5, 0.9), axis=0).T.round(3).tolist()
    return {"places": count, "accepted": len(rows), **dict(zip(names, spread, strict=True))}


def of_world(like: str, level: float, places: int) -> Iterable[Triple]:
    """Places of a world."""
    for index in range(places):
        scene = make(index, like=like, size=SIDE, scale=SCALE, seed=SEED, hardness=level)
        yield unit(scene.hr), unit(scene.lr), unit(scene.ref)


def of_images(files: list[Path], level: float) -> Iterable[Triple]:
    """Single images with references made from themselves."""
    images = [unit(read_image(file)) for file in files]
    for index, (file, image) in enumerate(zip(files, images, strict=True)):
        ref = self_reference(image, images[index - 1], hardness(level), SEED, file.stem)
        yield image, np.clip(imresize(image, f"1/{SCALE}"), 0, 1), ref


def of_set(folder: Path, ref_folder: str, places: int) -> Iterable[Triple]:
    """Middles of a real set's images."""
    for file in sorted((folder / "HR").iterdir())[:places]:
        hr, lr, ref = (unit(read_image(folder / kind / file.name)) for kind in ("HR", "LR", ref_folder))
        first = (hr.shape[0] - SIDE) // 2 // SCALE * SCALE
        hr, ref = (image[first : first + SIDE, first : first + SIDE] for image in (hr, ref))
        small, side = first // SCALE, SIDE // SCALE
        yield hr, lr[small : small + side, small : small + side], ref


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=12)
    parser.add_argument("--open", type=Path, help="folder of tiles that scripts/open_images.py made")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, Any] = {}
    for name, (folder, ref) in SETS.items():
        if (SHARED / "data" / folder).is_dir():
            rows[name] = measured(of_set(SHARED / "data" / folder, ref, asked.places))
    for like in LIKE:
        for level in LEVELS:
            rows[f"world like {like}, hardness {level:g}"] = measured(of_world(like, level, asked.places))
    if asked.open is not None:
        files = sorted((asked.open / "train" / "HR").iterdir())
        files = files[:: max(1, len(files) // asked.places)][: asked.places]
        for level in LEVELS:
            rows[f"open images, hardness {level:g}"] = measured(of_images(files, level))
    about = {"side": SIDE, "scale": SCALE, "border": BORDER, "seed": SEED, "quantiles": [0.1, 0.5, 0.9]}
    write_text(RESULTS, json.dumps({**about, "rows": rows}, indent=1) + "\n")
    for name, row in rows.items():
        print(name, row)


if __name__ == "__main__":
    main()
