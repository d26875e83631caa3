"""Flips and rotations: what each does, and how often each of the eight symmetries of a square is drawn."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from refsr.core.seeding import numpy_generator
from refsr.data.augmentation import FlipRotation, draw_flip_rotation

DRAWS = 4000
# Four standard deviations of how often something of chance one in eight, one in four and one in two is drawn.
FOUR_SIGMA = {8: 4 * (DRAWS * 7 / 64) ** 0.5, 4: 4 * (DRAWS * 3 / 16) ** 0.5, 2: 4 * (DRAWS / 4) ** 0.5}
SQUARE = np.arange(9).reshape(3, 3, 1)


def drawn(flip: bool, rotate: bool, seed: int = 0) -> Counter[FlipRotation]:
    return Counter(draw_flip_rotation(seed, draw, draw % 7, flip, rotate) for draw in range(DRAWS))


@pytest.mark.parametrize("seed", [0, 1])
def test_all_eight_symmetries_are_drawn_equally_often(seed):
    found = drawn(flip=True, rotate=True, seed=seed)
    assert set(found) == {FlipRotation(*steps) for steps in product((False, True), repeat=3)}
    for count in found.values():
        assert count == pytest.approx(DRAWS / 8, abs=FOUR_SIGMA[8])
    # Eight triples of steps are eight different symmetries.
    assert len({one.apply(SQUARE).tobytes() for one in found}) == 8


def test_flips_alone_are_left_right_in_half_of_the_draws():
    found = drawn(flip=True, rotate=False)
    assert set(found) == {FlipRotation(), FlipRotation(left_right=True)}
    assert found[FlipRotation()] == pytest.approx(DRAWS / 2, abs=FOUR_SIGMA[2])


def test_rotations_alone_are_top_bottom_and_transpose_independently():
    found = drawn(flip=False, rotate=True)
    assert set(found) == {FlipRotation(False, *steps) for steps in product((False, True), repeat=2)}
    for count in found.values():
        assert count == pytest.approx(DRAWS / 4, abs=FOUR_SIGMA[4])


def test_nothing_is_drawn_where_nothing_is_asked_for():
    assert set(drawn(flip=False, rotate=False)) == {FlipRotation()}


def test_each_coin_decides_its_own_step():
    """A step that is allowed does not depend on whether the others are."""
    for draw in range(64):
        coins = (numpy_generator(5, "turn", draw, 2).random(3) < 0.5).tolist()
        assert draw_flip_rotation(5, draw, 2, True, True) == FlipRotation(*coins)
        assert draw_flip_rotation(5, draw, 2, True, False) == FlipRotation(coins[0], False, False)
        assert draw_flip_rotation(5, draw, 2, False, True) == FlipRotation(False, *coins[1:])


def test_steps_do_what_they_are_called():
    image = np.arange(6).reshape(2, 3, 1)
    assert FlipRotation(left_right=True).apply(image)[..., 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert FlipRotation(top_bottom=True).apply(image)[..., 0].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert FlipRotation(transpose=True).apply(image)[..., 0].tolist() == [[0, 3], [1, 4], [2, 5]]
    # Flipped top-bottom and transposed: a rotation by 90 degrees clockwise.
    turned = FlipRotation(top_bottom=True, transpose=True).apply(image)
    np.testing.assert_array_equal(turned, np.rot90(image, -1))


@pytest.mark.parametrize("bands", [1, 3, 16, 17])
def test_planes_are_what_applying_gives_in_all_eight_ways(bands):
    """The fast way and the plain one, on an image that no symmetry leaves as it is."""
    image = np.arange(5 * 7 * bands, dtype=np.uint16).reshape(5, 7, bands)
    for left_right, top_bottom, transpose in product((False, True), repeat=3):
        expected = np.flip(image, 1) if left_right else image
        expected = np.flip(expected, 0) if top_bottom else expected
        expected = np.swapaxes(expected, 0, 1) if transpose else expected
        found = FlipRotation(left_right, top_bottom, transpose)
        np.testing.assert_array_equal(found.apply(image), expected)
        np.testing.assert_array_equal(found.planes(image), np.moveaxis(expected, 2, 0))
