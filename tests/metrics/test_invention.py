"""Metrics that need LR: against cases whose answer is known, and against the formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.metrics.invention import KINDS, LAMBDA, WITH_LR, consistency, distances, triad_map
from refsr.ops.resize import imresize

SCALE = 4


@pytest.fixture
def scene():
    """LR (16, 12, 3), its upsampling and a ground truth that differs from it everywhere."""
    draw = np.random.default_rng(3)
    lr = (0.3 + 0.4 * draw.random((16, 12, 3))).astype(np.float32)
    up = np.clip(imresize(lr, SCALE), 0, 1)
    target = (up + np.where(draw.random(up.shape[:2]) < 0.5, 0.1, -0.1)[:, :, None]).astype(np.float32)
    return lr, up, target


def shares(image, target, lr):
    return {kind: WITH_LR[kind][1](image, target, lr, SCALE) for kind in KINDS}


def test_the_ground_truth_is_improved_and_upsampled_lr_omits(scene):
    lr, up, target = scene
    assert shares(target, target, lr) == {"improvement": 1, "omission": 0, "hallucination": 0}
    assert shares(up, target, lr) == {"improvement": 0, "omission": 1, "hallucination": 0}


def test_detail_that_is_far_from_both_is_invented(scene):
    """The other way by three times the detail: distances of 4 and 3."""
    lr, up, target = scene
    assert shares(up - 3 * (target - up), target, lr)["hallucination"] == 1


def test_every_pixel_is_what_the_formulas_say(scene):
    lr, up, target = scene
    image = (up + np.random.default_rng(1).normal(0, 0.15, up.shape)).astype(np.float32)
    found = triad_map(image, target, lr, SCALE)
    seen = set()
    for row, column in np.ndindex(found.shape):
        whole = np.abs(target[row, column] - up[row, column]).mean()
        to_target = np.abs(image[row, column] - target[row, column]).mean() / whole
        to_lr = np.abs(image[row, column] - up[row, column]).mean() / whole
        beyond = to_target + to_lr - 1
        bent = 1 - math.exp(-LAMBDA * beyond)
        distances = [to_target + to_lr * bent, to_lr + to_target * bent, math.exp(-LAMBDA * to_target * to_lr)]
        first, second = sorted(distances)[:2]
        if second - first > 1e-4:
            assert found[row, column] == int(np.argmin(distances))
            seen.add(int(found[row, column]))
    assert seen == {0, 1, 2}


@pytest.mark.parametrize(
    ("to_target", "to_lr", "expected"),
    [
        (0.3, 0.9, (0.43307059, 0.94435686, 0.80573530)),
        (1.2, 0.7, (1.55927342, 1.31589729, 0.51068618)),
        (2.5, 3.1, (5.52180878, 5.53694256, 0.00202943)),
    ],
)
def test_distances_are_those_of_the_published_package(to_target, to_lr, expected):
    """tc_improvement, tc_omission and tc_hallucination of opensr-test 1.3.3, all with plambda 0.8."""
    assert distances(np.float64(to_target), np.float64(to_lr)) == pytest.approx(expected, abs=1e-7)


def test_where_all_three_are_alike_nothing_counts(scene):
    lr, up, target = scene
    target[:, :24] = up[:, :24]
    found = triad_map(target, target, lr, SCALE)
    assert (found[:, :24] == -1).all()
    assert (found[:, 24:] == 0).all()
    assert math.isnan(WITH_LR["omission"][1](up, up, lr, SCALE))


def test_detail_where_the_ground_is_flat_is_invented(scene):
    """LR shows all that is there; what a result adds counts, though there was nothing to improve."""
    lr, up, _ = scene
    image = up.copy()
    image[10:30, 10:30] += 0.05
    found = triad_map(image, up, lr, SCALE)
    assert (found[10:30, 10:30] == KINDS.index("hallucination")).all()
    assert (np.delete(found, np.s_[10:30], axis=0) == -1).all()


def test_consistency_is_the_difference_after_reduction(scene):
    lr = scene[0]
    large = np.full((64, 48, 3), 0.5, np.float32)
    assert consistency(large, None, np.full((16, 12, 3), 0.5, np.float32), SCALE) == pytest.approx(0, abs=1e-4)
    assert consistency(large, None, np.full((16, 12, 3), 0.5 - 10 / 255, np.float32), SCALE) == pytest.approx(
        10, abs=1e-3
    )
    assert consistency(large, None, lr, SCALE) > 10


def test_images_of_other_sizes_are_no_triad(scene):
    lr, up, target = scene
    with pytest.raises(DataError, match="no triad"):
        triad_map(up[:-4], target[:-4], lr, SCALE)
