"""Makes figures/trust_right.jpg and figures/trust_wrong.jpg: results that went right, and others that went wrong.

python scripts/trust_examples.py

The places are synthetic, so that what is there is known. Nothing is chosen by hand: of all windows of the places looked
at, each row is the one with most of what its rule in RULES measures; no two rows of a figure are of one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from mosaic import Bytes, mosaic, tile

import refsr
from refsr.data.images import write_image
from refsr.metrics.invention import KINDS, triad_map

FIGURES = Path(__file__).resolve().parent.parent / "figures"
MODEL = "refsr-x4-fast"
SCALE, SIDE, WINDOW, STEP, BORDER = 4, 120, 80, 16, 8
PLACES = 6
NEAR: dict[str, Any] = {
    "size": 256, "scale": SCALE, "misregistration": 2, "rotation": 0.2, "scale_difference": 0.2, "sun_shift": 0.4,
    "view_angle": 4, "softness": 0.6, "degradation": "sensors",
}  # fmt: skip
WORLDS: tuple[dict[str, Any], ...] = ({**NEAR, "seed": 971}, {**NEAR, "seed": 972, "cloud_cover": 0.25})
SEEN = 0.2
"""Changed ground with a lower probability of change was not seen."""
WIDEST = 64
"""Grey levels of half-width and of error that are brightest."""

Plane = npt.NDArray[np.float32]


@dataclass
class Window:
    """A part of a place: pictures, evidence and what is known of it, (WINDOW, WINDOW[, 3])."""

    place: int
    pictures: dict[str, Bytes]
    planes: dict[str, Plane]

    def of(self, name: str, where: Plane | None = None) -> float:
        """The mean of a plane, over a part of the window."""
        plane = self.planes[name]
        return float(plane.mean() if where is None else plane[where > 0].mean() if where.any() else 0)

    @property
    def changed(self) -> float:
        return self.of("changed")

    @property
    def gain(self) -> float:
        """By how many grey levels the result is nearer to the truth than what LR alone gives."""
        return self.of("error alone") - self.of("error")


Rule = Callable[[Window], float]
RULES: dict[str, dict[str, Rule]] = {
    "trust_right.jpg": {
        "detail of the reference, nothing changed": lambda one: one.gain if one.changed == 0 else 0,
        "changed ground, nothing of the reference": lambda one: (
            one.of("reference error", one.planes["changed"]) - one.of("error", one.planes["changed"])
            if 0.1 < one.changed < 0.7 and one.of("coverage") > 0.5
            else 0
        ),
        "clouds over the reference": lambda one: (
            one.of("reference error") if one.changed == 0 and one.of("coverage") < 0.5 and one.gain >= 0 else 0
        ),
        "a reference that was refused": lambda one: one.of("contrast") if one.of("coverage") == 0 else 0,
        "wide intervals where errors are large": lambda one: (
            float(np.corrcoef(blurred(one.planes["error"]), blurred(one.planes["uncertainty"]))[0, 1])
            if one.of("error") > 8
            else 0
        ),
    },
    "trust_wrong.jpg": {
        "objects finer than LR": lambda one: (
            one.of("error") if one.of("coverage") > 0.9 and one.of("change") < 0.1 else 0
        ),
        "a change that was not seen": lambda one: one.of("unseen"),
        "a change that is none": lambda one: one.of("change") if one.changed == 0 else 0,
        "detail that is nowhere": lambda one: one.of("made up") * one.of("contrast"),
        "errors beyond their intervals": lambda one: one.of("outside"),
    },
}


def blurred(plane: Plane) -> Plane:
    found: Plane = cv2.blur(plane, (9, 9)).ravel()
    return found


def windows(restorer: refsr.Restorer) -> Iterator[Window]:
    """All windows of all places; one place in six is given another place's reference."""
    for number in range(PLACES * len(WORLDS)):
        world = WORLDS[number % len(WORLDS)]
        scene = refsr.worlds.make(number, **world)
        ref = refsr.worlds.make(1000 + number, **world).ref if number % 6 == 5 else scene.ref
        image, evidence = restorer.explained(scene.lr, ref)
        alone = restorer.restore(scene.lr)
        hr = scene.hr
        error, error_alone, error_of_ref = (
            np.abs(one.astype(np.float32) - hr).mean(axis=2) for one in (image, alone, ref)
        )
        unit = [one.astype(np.float32) / 255 for one in (image, hr, scene.lr)]
        grey = hr.mean(axis=2).astype(np.float32)
        changed = (scene.mask.reshape(hr.shape[:2]) > 0).astype(np.float32)
        planes = {
            **evidence,
            "error": error,
            "error alone": error_alone,
            "reference error": error_of_ref,
            "changed": changed,
            "unseen": changed * evidence["coverage"] * (evidence["change"] < SEEN),
            "outside": (error > evidence["uncertainty"]).astype(np.float32),
            "made up": (triad_map(*unit, SCALE) == KINDS.index("hallucination")).astype(np.float32),
            "contrast": np.abs(grey - cv2.blur(grey, (15, 15))),
        }
        last = hr.shape[0] - WINDOW - BORDER
        for top in range(BORDER, last + 1, STEP):
            for left in range(BORDER, last + 1, STEP):
                inside = np.s_[top : top + WINDOW, left : left + WINDOW]
                small = np.s_[top // SCALE : (top + WINDOW) // SCALE, left // SCALE : (left + WINDOW) // SCALE]
                pictures = {
                    "LR": scene.lr[small],
                    "reference": ref[inside],
                    "result": image[inside],
                    "truth": hr[inside],
                }
                yield Window(number, pictures, {name: plane[inside] for name, plane in planes.items()})


def row(one: Window) -> list[Bytes]:
    """The pictures of a window, its evidence and its error."""
    shown = {name: np.ascontiguousarray(picture) for name, picture in one.pictures.items()}
    shown |= {name: heat(one.planes[name]) for name in ("borrowed", "coverage", "change")}
    shown |= {name: heat(one.planes[name] / WIDEST) for name in ("uncertainty", "error")}
    return [tile(picture, name, SIDE) for name, picture in shown.items()]


def heat(plane: Plane) -> Bytes:
    """0 black to 1 yellow."""
    levels = np.rint(255 * np.clip(plane, 0, 1)).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, :, ::-1])


def main() -> None:
    found = list(windows(refsr.load(MODEL, "cpu")))
    for name, rules in RULES.items():
        taken: set[int] = set()
        rows = []
        for words, rule in rules.items():
            best = max((one for one in found if one.place not in taken), key=rule)
            taken.add(best.place)
            rows.append(row(best))
            print(f"{name}: {words}: place {best.place}, {rule(best):.3f}")
        write_image(FIGURES / name, np.ascontiguousarray(mosaic(rows)))
        print(f"{FIGURES / name}: {(FIGURES / name).stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
