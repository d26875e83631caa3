"""GMS and GMSD: a case done by hand, the formula through plain correlation, bounds and symmetry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scenes import blurred, noisy, scene
from scipy.ndimage import correlate

from refsr.metrics import build
from refsr.metrics.colour import luma
from refsr.metrics.gradient_similarity import gms_map, halved, prewitt

TARGET = scene(64, 71)


def test_a_ramp_against_a_flat_field_by_hand():
    """A ramp of 3 a column is one of 6 once halved, and 12 between neighbours of a pixel: (0 + 170) / (144 + 170)."""
    ramp = np.broadcast_to(3.0 * np.arange(8), (8, 8))
    flat = np.full((8, 8), 50.0)
    assert gms_map(ramp, flat) == pytest.approx(np.full((2, 2), 170 / 314))
    # Half as steep: m is 12 and 6.
    assert build("gms")(ramp, ramp / 2) == pytest.approx((2 * 12 * 6 + 170) / (144 + 36 + 170))
    assert build("gmsd")(ramp, flat) == pytest.approx(0, abs=1e-12)


def test_a_step_by_hand():
    """One edge of 60 down the middle of a halved 4x6 field: two of four columns see it, as 60; the others nothing."""
    step = np.zeros((8, 12))
    step[:, 6:] = 60
    seen, flat = 170 / (3600 + 170), 1.0
    expected = [flat, seen, seen, flat]
    assert gms_map(step, np.zeros_like(step)) == pytest.approx(np.array([expected, expected]))
    assert build("gms")(step, np.zeros_like(step)) == pytest.approx((seen + flat) / 2)
    assert build("gmsd")(step, np.zeros_like(step)) == pytest.approx((flat - seen) / 2)


def test_a_slanted_plane_has_the_length_of_its_gradient():
    rows, columns = np.mgrid[:10, :10]
    assert prewitt(3.0 * rows + 4.0 * columns) == pytest.approx(np.full((8, 8), 10.0))


def test_it_is_the_formula():
    image = blurred(TARGET, 1.2)
    kernel = np.array([[1, 0, -1]] * 3) / 3

    def lengths(values):
        plane = luma(values)[:64, :70].reshape(32, 2, 35, 2).mean(axis=(1, 3))
        return np.hypot(correlate(plane, kernel), correlate(plane, kernel.T))[1:-1, 1:-1]

    a, b = lengths(image), lengths(TARGET)
    expected = (2 * a * b + 170) / (a * a + b * b + 170)
    assert build("gms")(image, TARGET) == pytest.approx(expected.mean(), abs=1e-12)
    assert build("gmsd")(image, TARGET) == pytest.approx(expected.std(), abs=1e-12)


def test_identity_symmetry_and_bounds():
    image = noisy(TARGET, 20)
    score, deviation = build("gms"), build("gmsd")
    assert score(TARGET, TARGET) == 1
    assert deviation(TARGET, TARGET) == 0
    assert score(image, TARGET) == score(TARGET, image)
    assert deviation(image, TARGET) == deviation(TARGET, image)
    black_and_white = np.random.default_rng(0).integers(0, 2, (40, 40, 3)) * 255.0
    values = gms_map(black_and_white, 0 * black_and_white)
    # Luma spans 219, so no gradient is longer than that in both directions.
    assert 170 / (2 * 219**2 + 170) <= values.min() <= values.max() <= 1


def test_brightness_is_no_edge_and_bands_count_alike():
    score = build("gms")
    assert score(TARGET * 0.5 + 30, TARGET * 0.5) == pytest.approx(1)
    four = TARGET[..., [0, 1, 2, 0]]
    each = [score(noisy(TARGET, 9)[..., k], TARGET[..., k]) for k in (0, 1, 2, 0)]
    assert score(noisy(TARGET, 9)[..., [0, 1, 2, 0]], four) == pytest.approx(np.mean(each))
    assert score(TARGET[..., :1] * 0.7, TARGET[..., :1]) == score(TARGET[..., 0] * 0.7, TARGET[..., 0])


def test_the_deviation_of_several_bands_is_the_mean_of_each_band_s():
    deviation, four = build("gmsd"), TARGET[..., [0, 1, 2, 0]]
    image = four.copy()
    image[..., 1] = noisy(four, 60)[..., 1]
    image[..., 2] *= 0.1
    each = [deviation(image[..., k], four[..., k]) for k in range(4)]
    assert len({round(one, 3) for one in each}) >= 3
    assert deviation(image, four) == pytest.approx(np.mean(each), abs=1e-12)


def test_odd_sides_are_cut():
    assert halved(np.arange(15.0).reshape(3, 5)).tolist() == [[3, 5]]
    assert gms_map(TARGET, TARGET).shape == (30, 33)
    assert math.isfinite(build("gmsd")(TARGET[:6, :7], TARGET[:6, :7]))
