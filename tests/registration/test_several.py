"""Of several references each pixel takes the one of the highest weight, with soft seams."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.registration.several import combine


def flat(value: float) -> np.ndarray:
    return np.full((64, 80, 3), value, np.float32)


def halves(left: float, right: float) -> np.ndarray:
    weight = np.full((64, 80), left, np.float32)
    weight[:, 40:] = right
    return weight


def test_the_highest_weight_counts_and_seams_are_soft():
    found = combine([flat(0.2), flat(0.8)], [halves(0.9, 0.3), halves(0.5, 0.7)], feather=3)
    assert (found.used[:, :40] == 0).all()
    assert (found.used[:, 40:] == 1).all()
    np.testing.assert_allclose(found.image[:, :25], 0.2, atol=1e-6)
    np.testing.assert_allclose(found.image[:, 55:], 0.8, atol=1e-6)
    line = found.image[30, :, 0]
    assert (np.diff(line) >= -1e-6).all()
    assert np.diff(line).max() < 0.12
    np.testing.assert_allclose(found.weight[:, :25], 0.9, atol=1e-6)
    assert found.shares() == (0.5, 0.5)


def test_a_reference_never_counts_where_its_weight_is_zero():
    wrong = flat(0.0)
    wrong[:, :40] = np.nan
    found = combine([flat(0.2), wrong], [halves(0.4, 0.4), halves(0, 0.9)], feather=5)
    np.testing.assert_allclose(found.image[:, :40], 0.2, atol=1e-6)
    assert np.isfinite(found.image).all()


def test_where_none_counts_the_map_says_so():
    found = combine([flat(0.2), flat(0.8)], [halves(0, 0), halves(0, 0.5)], feather=2)
    assert (found.used[:, :40] == -1).all()
    assert not found.weight[:, :40].any()
    assert found.weight[:, 40:].min() > 0.49
    assert found.shares() == (0.0, 0.5)


def test_one_reference_is_itself_and_integers_stay_integers():
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 4)).astype(np.uint8)
    found = combine([image], [np.ones((20, 30), np.float32)])
    assert found.image.dtype == np.uint8
    np.testing.assert_array_equal(found.image, image)
    weight = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    np.testing.assert_array_equal(combine([image, image], [weight, 1 - weight]).image, image)
    grey = image[:, :, 0]
    np.testing.assert_array_equal(combine([grey], [weight]).image, grey)


def test_what_does_not_belong_together():
    with pytest.raises(DataError, match="belong together"):
        combine([], [])
    with pytest.raises(DataError, match="one size"):
        combine([flat(0), flat(0)[:-1]], [halves(1, 1), halves(1, 1)])
