"""Makes figures/trust.png: results on changed ground of synthetic places, with the evidence beside them.

python scripts/trust_figure.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mosaic import Bytes, mosaic, tile
from scipy.ndimage import center_of_mass, label

import refsr
from refsr.data.images import write_image

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "trust.png"
MODEL = "refsr-x4-fast"
SIDE, CROP = 150, 96
PLACES = (0, 3)
KNOBS: dict[str, Any] = {
    "size": 256, "scale": 4, "seed": 951, "misregistration": 2, "rotation": 0.2, "scale_difference": 0.2,
    "sun_shift": 0.4, "view_angle": 4, "softness": 0.6, "degradation": "sensors",
}  # fmt: skip
WIDEST = 48
"""Grey levels of half-width that are white."""


def row(restorer: refsr.Restorer, index: int) -> list[Bytes]:
    """LR, reference, result, ground truth and the evidence around the largest changed area of a place."""
    scene = refsr.worlds.make(index, **KNOBS)
    image, evidence = restorer.explained(scene.lr, scene.ref)
    parts, count = label(scene.mask.reshape(image.shape[:2]) > 0)
    largest = 1 + int(np.argmax([(parts == number).sum() for number in range(1, count + 1)]))
    middle = center_of_mass(parts == largest)
    top, left = (
        int(np.clip(at - CROP / 2, 0, side - CROP)) // 4 * 4 for at, side in zip(middle, parts.shape, strict=True)
    )
    inside = np.s_[top : top + CROP, left : left + CROP]
    small = np.s_[top // 4 : (top + CROP) // 4, left // 4 : (left + CROP) // 4]
    shown = [
        ("LR", scene.lr[small]),
        ("reference", scene.ref[inside]),
        ("result", image[inside]),
        ("truth", scene.hr[inside]),
    ]
    planes = {name: evidence[name] for name in ("borrowed", "change")}
    planes["uncertainty"] = evidence["uncertainty"] / WIDEST
    shown += [(name, _heat(plane[inside])) for name, plane in planes.items()]
    return [tile(np.ascontiguousarray(picture), name, SIDE) for name, picture in shown]


def _heat(plane: np.ndarray[Any, Any]) -> Bytes:
    """0 black to 1 yellow."""
    levels = np.rint(255 * np.clip(plane, 0, 1)).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, :, ::-1])


def main() -> None:
    restorer = refsr.load(MODEL, "cpu")
    write_image(FIGURE, mosaic(row(restorer, index) for index in PLACES))
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
