"""What a network should get where no reference covers LR: enlarged LR against other fillings.

python benchmarks/reference_filling.py [--model NAME] [--places N]

restores held-out places of a world whose Ref is missing in one half, filled in several ways, and writes the PSNR of
that half to benchmarks/results/reference_filling.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

import refsr
from refsr.core.atomic import write_text
from refsr.data.images import read_image
from refsr.geo.validity import filled
from refsr.metrics.protocols import DEFAULT_PROTOCOL, measure
from refsr.ops.resize import imresize
from refsr.worlds.knobs import knobs_like
from refsr.worlds.world_folder import make_world

RESULTS = Path(__file__).resolve().parent / "results" / "reference_filling.json"
SEED, SIZE, NEAR = 4401, 192, 24
"""Pixels of HR beside the border of the covered half that are left out: there both kinds of ground are seen."""
REGISTERED = {"misregistration": 0.0, "rotation": 0.0, "scale_difference": 0.0, "view_angle": 0.0}

Image = npt.NDArray[np.float32]
FILLINGS: dict[str, Callable[[Image, Image], Image]] = {
    "enlarged LR": lambda up, ref: up,
    "zeros": lambda up, ref: np.zeros_like(up),
    "mean colour of LR": lambda up, ref: np.broadcast_to(up.mean(axis=(0, 1)), up.shape),
    "nearest pixel of Ref": lambda up, ref: filled(ref, _covered(ref)),
    "Ref mirrored": lambda up, ref: np.concatenate([ref[:, : SIZE // 2], ref[:, SIZE // 2 - 1 :: -1]], axis=1),
    "enlarged LR, sharpened": lambda up, ref: np.clip(2 * up - cv2.GaussianBlur(up, (0, 0), 2), 0, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="rrsnet-small-x4")
    parser.add_argument("--places", type=int, default=12)
    arguments = parser.parse_args()
    restorer = refsr.load(arguments.model, device="cpu")
    scale, scores = restorer.scale, {name: [] for name in (*FILLINGS, "the reference itself")}
    with tempfile.TemporaryDirectory() as folder:
        knobs = {
            "places": arguments.places,
            "val": 0,
            "test": arguments.places,
            "size": SIZE,
            "seed": SEED,
            "scale": scale,
            **REGISTERED,
        }
        make_world(Path(folder), knobs_like(None, knobs), 1)
        for file in sorted((Path(folder) / "test" / "HR").iterdir()):
            hr, lr, ref = (_unit(Path(folder) / "test" / kind / file.name) for kind in ("HR", "LR", "Ref"))
            up = np.clip(imresize(lr, scale), 0, 1)
            for name, fill in FILLINGS.items():
                half = ref.copy()
                half[:, SIZE // 2 :] = fill(up, ref)[:, SIZE // 2 :]
                scores[name].append(_psnr(restorer, lr, half, hr, scale))
            scores["the reference itself"].append(_psnr(restorer, lr, ref, hr, scale))
    record: dict[str, Any] = {
        "model": arguments.model,
        "places": arguments.places,
        "protocol": DEFAULT_PROTOCOL,
        "psnr without a reference": {name: round(float(np.mean(values)), 3) for name, values in scores.items()},
        "worse than enlarged LR by at most": {
            name: round(float(np.max(np.subtract(scores["enlarged LR"], values))), 3) for name, values in scores.items()
        },
    }
    write_text(RESULTS, json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


def _psnr(restorer: refsr.Restorer, lr: Image, ref: Image, hr: Image, scale: int) -> float:
    """Of the half without a reference, but for what lies next to the other."""
    restored = restorer.restore(lr, ref, register="none")
    part = np.s_[:, SIZE // 2 + NEAR :]
    return float(measure(restored[part], hr[part], scale)["psnr"])


def _covered(ref: Image) -> npt.NDArray[np.bool_]:
    covered = np.zeros(ref.shape[:2], bool)
    covered[:, : SIZE // 2] = True
    return covered


def _unit(path: Path) -> Image:
    return read_image(path).astype(np.float32) / 255


if __name__ == "__main__":
    main()
