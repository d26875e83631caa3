"""The weights that come along are worth having: above bicubic of the same LR on places and images they never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import refsr
from refsr.cli.main import main
from refsr.data.images import read_image
from refsr.inference.restorer import Restorer
from refsr.metrics.protocols import measure
from refsr.ops.resize import imresize

SIDE = 48
"""Of LR's middle, which is restored."""
REAL = {"rrssrd/val_1st": "google_Ref", "kagglesrd/val_1": "Ref"}
"""A published test set of each kind, and the folder of its references; the benchmark metrics all of them, whole."""


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    return refsr.load("rrsnet-small-x4", device="cpu")


def middle(image: np.ndarray, side: int) -> np.ndarray:
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def scores(restorer: Restorer, folder: Path, references: str, name: str, blank: bool) -> dict[str, float]:
    """PSNR by what was done with one image; `blank`: with a black reference too."""
    lr = middle(read_image(folder / "LR" / name), SIDE)
    hr, ref = (middle(read_image(folder / kind / name), 4 * SIDE) for kind in ("HR", references))
    images = {"bicubic": imresize(lr, 4), "restored": restorer.restore(lr, ref)}
    if blank:
        images["without"] = restorer.restore(lr, np.zeros_like(ref))
    return {what: measure(one / 255, hr / 255, 4, "rgb-uint8-border4")["psnr"] for what, one in images.items()}


def test_on_synthetic_places_it_borrows(restorer, tmp_path):
    """Where the reference lies within two pixels of its place; of others it makes little."""
    world = ["world", str(tmp_path), "--places", "4", "--test", "3", "--size", "192", "--seed", "905", "--workers", "1"]
    aligned = ["--misregistration", "2", "--rotation", "0.2", "--scale-difference", "0.2", "--view-angle", "4"]
    assert main([*world, *aligned, "--sun-shift", "0.15", "--change", "0.1", "--softness", "0.6"]) == 0
    names = sorted(file.name for file in (tmp_path / "test" / "LR").iterdir())
    found = [scores(restorer, tmp_path / "test", "Ref", name, blank=True) for name in names]
    bicubic, restored, without = (np.mean([one[way] for one in found]) for way in ("bicubic", "restored", "without"))
    assert restored > bicubic + 1.5
    assert restored > without + 0.7


@pytest.mark.parametrize("place", REAL)
def test_on_real_images_it_does_not_fall_below_bicubic(restorer, place, shared):
    folder = shared / "data" / place
    names = sorted(file.name for file in (folder / "HR").iterdir())
    found = [scores(restorer, folder, REAL[place], name, blank=False) for name in names[:: len(names) // 3]]
    assert np.mean([one["restored"] - one["bicubic"] for one in found]) > 0
