"""Land cover read off images: what is counted, what the classifier can tell apart, and what blur takes from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from refsr.core.errors import DataError
from refsr.metrics.land_cover import accuracy, confusion, features, fit_classifier, kappa, mean_iou

SIDE = 64
LAKE, MEADOW, WOOD = 1, 3, 4


def place(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A lake of its own colour on the left; right of it meadow over wood, of one mean colour, one smooth, one rough."""
    draw = np.random.default_rng(seed)
    truth = np.full((SIDE, SIDE), MEADOW)
    truth[SIDE // 2 :] = WOOD
    truth[:, : SIDE // 4] = LAKE
    image = np.where((truth == LAKE)[:, :, None], (0.1, 0.2, 0.5), (0.3, 0.4, 0.2))
    rough = np.where(truth == WOOD, 0.12, 0.01)[:, :, None]
    return np.clip(image + rough * draw.standard_normal((SIDE, SIDE, 1)), 0, 1), truth


@pytest.fixture(scope="module")
def classifier():
    return fit_classifier(place(seed) for seed in range(4))


def counted(classifier, image, truth) -> np.ndarray:
    return confusion(truth, classifier.predict(image), classifier.classes)


def test_colour_and_texture_tell_classes_apart(classifier):
    image, truth = place(9)
    table = counted(classifier, image, truth)
    assert list(classifier.classes) == [LAKE, MEADOW, WOOD]
    assert accuracy(table) > 0.93
    assert mean_iou(table) > 0.85
    assert kappa(table) > 0.88


def test_what_blur_takes_away_is_no_longer_read(classifier):
    """A wood without its roughness is a meadow; a lake is still a lake."""
    image, truth = place(9)
    found = classifier.predict(gaussian_filter(image, (4, 4, 0)))
    inner = (slice(SIDE // 2 + 12, -4), slice(SIDE // 4 + 12, -4))
    assert (classifier.predict(image)[inner] == WOOD).mean() > 0.97
    assert (found[inner] == MEADOW).mean() > 0.97
    assert (found[:, : SIDE // 4 - 8] == LAKE).all()
    assert accuracy(confusion(truth, found, classifier.classes)) < 0.75


def test_a_classifier_is_a_function_of_places_and_seed(classifier):
    image, _ = place(9)
    same, other = (fit_classifier((place(seed) for seed in range(4)), run) for run in (0, 1))
    assert np.array_equal(same.predict(image), classifier.predict(image))
    assert not np.array_equal(same.frequencies, other.frequencies)


def test_counts_are_those_of_a_table_by_hand():
    truth, found = np.array([[1, 1, 1], [2, 2, 5]]), np.array([[1, 1, 2], [2, 1, 2]])
    table = confusion(truth, found, np.array([1, 2]))
    assert table.tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert accuracy(table) == pytest.approx(3 / 6)
    # Of 1: 2 of 4; of 2: 1 of 4; of 5, which was not in training: 0 of 1.
    assert mean_iou(table) == pytest.approx((2 / 4 + 1 / 4 + 0) / 3)
    chance = (3 * 3 + 3 * 2 + 0 * 1) / 36
    assert kappa(table) == pytest.approx((3 / 6 - chance) / (1 - chance))


def test_classes_that_were_not_in_training_are_never_right():
    """Truth 5 and found 7 fall into one place of the table, that of all others, and still do not agree."""
    truth, found = np.array([[1, 1, 5, 5]]), np.array([[1, 1, 7, 5]])
    table = confusion(truth, found, np.array([1, 2]))
    assert table.tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 2]]
    assert accuracy(table) == 2 / 4
    assert mean_iou(table) == (1 + 0) / 2


def test_the_ends_of_the_scales():
    truth = np.array([[1, 1, 2, 2]])
    right = confusion(truth, truth, np.array([1, 2, 7]))
    assert (accuracy(right), mean_iou(right), kappa(right)) == (1, 1, 1)
    wrong = confusion(truth, truth[:, ::-1], np.array([1, 2]))
    assert (accuracy(wrong), mean_iou(wrong), kappa(wrong)) == (0, 0, -1)
    one = confusion(truth, np.ones_like(truth), np.array([1, 2]))
    assert (accuracy(one), kappa(one)) == (0.5, 0)


def test_features_are_what_they_are_called():
    image = np.zeros((40, 40, 3))
    image[:, 20:] = (0.3, 0.6, 0.9)
    found = features(image)
    assert found.shape == (40, 40, 3 + 2 * (3 + 1))
    assert found[20, 38] == pytest.approx([0.3, 0.6, 0.9, 0.3, 0.6, 0.9, 0, 0.3, 0.6, 0.9, 0], abs=1e-3)
    # Two of five columns are bright at the first window there.
    assert found[20, 19, 3:6] == pytest.approx(np.array([0.3, 0.6, 0.9]) * 2 / 5, abs=1e-6)
    assert found[20, 19, 6] == pytest.approx(0.6 * np.sqrt(0.4 * 0.6), abs=1e-6)


def test_inputs_that_do_not_fit_are_refused(classifier):
    image, truth = place(0)
    with pytest.raises(DataError, match="its land cover"):
        fit_classifier([(image, truth[1:])])
    with pytest.raises(DataError, match="no image to train"):
        fit_classifier([])
    with pytest.raises(DataError, match="other bands than these 1"):
        classifier.predict(image[:, :, :1])
