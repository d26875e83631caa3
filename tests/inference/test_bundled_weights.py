"""The weights that come along are worth having, on places and images that they never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import refsr
from refsr.cli.main import main
from refsr.core.registry import DEFAULT_MODEL, bundled
from refsr.data.images import read_image
from refsr.inference.restorer import Restorer
from refsr.metrics.protocols import measure
from refsr.ops.resize import imresize

SIDE = 48
"""Of LR's middle, which is restored."""
ALIGNED = "--misregistration 2 --rotation 0.2 --scale-difference 0.2 --view-angle 4 --sun-shift 0.15 --softness 0.6"
FARTHER = "--like kagglesrd --jpeg 0"
SYNTHETIC = {
    "refsr-x4": (FARTHER, 2.0, 1.0),
    "refsr-x4-fast": (FARTHER, 2.0, 1.0),
    "rrsnet-small-x4": (f"{ALIGNED} --change 0.1", 1.5, 0.7),
}
"""A world in which a model borrows, and its least gain in dB there over bicubic, and over a black reference."""
REAL = {"rrssrd/val_1st": "google_Ref", "kagglesrd/val_1": "Ref"}
"""A published test set of each kind, and the folder of its references; the benchmark metrics all of them, whole."""
GAINS = {"refsr-x4": 0.7, "refsr-x4-fast": 0.5, "rrsnet-small-x4": 0.0}
"""Least gain in dB over bicubic on real images."""


@pytest.fixture(scope="module", params=sorted(bundled()))
def restorer(request: pytest.FixtureRequest) -> Restorer:
    return refsr.load(request.param, device="cpu")


@pytest.fixture
def name(restorer, request) -> str:
    return request.node.callspec.params["restorer"]


def middle(image: np.ndarray, side: int) -> np.ndarray:
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def scores(restorer: Restorer, folder: Path, references: str, name: str) -> dict[str, float]:
    """PSNR by what was done with one image."""
    lr = middle(read_image(folder / "LR" / name), SIDE)
    hr, ref = (middle(read_image(folder / kind / name), 4 * SIDE) for kind in ("HR", references))
    images = {
        "bicubic": imresize(lr, 4),
        "restored": restorer.restore(lr, ref),
        "without": restorer.restore(lr, np.zeros_like(ref)),
    }
    return {what: measure(one / 255, hr / 255, 4, "rgb-uint8-border4")["psnr"] for what, one in images.items()}


def test_on_synthetic_places_it_borrows(restorer, name, tmp_path):
    knobs, over_bicubic, over_black = SYNTHETIC[name]
    world = ["world", str(tmp_path), "--places", "4", "--test", "3", "--size", "192", "--seed", "905", "--workers", "1"]
    assert main([*world, *knobs.split()]) == 0
    names = sorted(file.name for file in (tmp_path / "test" / "LR").iterdir())
    found = [scores(restorer, tmp_path / "test", "Ref", one) for one in names]
    bicubic, restored, without = (np.mean([one[way] for one in found]) for way in ("bicubic", "restored", "without"))
    assert restored > bicubic + over_bicubic
    assert restored > without + over_black


@pytest.mark.parametrize("place", REAL)
def test_on_real_images_it_is_above_bicubic(restorer, name, place, shared):
    folder = shared / "data" / place
    names = sorted(file.name for file in (folder / "HR").iterdir())
    found = [scores(restorer, folder, REAL[place], one) for one in names[:: len(names) // 3]]
    assert np.mean([one["restored"] - one["bicubic"] for one in found]) > GAINS[name]


def test_where_no_model_is_named_the_default_restores():
    lr = np.random.default_rng(1).integers(0, 256, (12, 10, 3), np.uint8)
    without, named = (restorer.restore(lr) for restorer in (refsr.load(device="cpu"), refsr.load(DEFAULT_MODEL, "cpu")))
    assert np.array_equal(without, named)
