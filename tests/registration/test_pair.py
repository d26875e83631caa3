"""A Ref that was moved by a known transform is found there; another place's is refused; nothing is made up."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from pairs import error, ground, matrix, pair, reduced

from refsr.core.errors import DataError, UsageError
from refsr.core.window import Window
from refsr.registration import RegistrationOptions, register
from refsr.registration.local import jacobian

SIDE = 240
MOVES = [(0, 1, 0, 0), (0, 1, 9.3, -6.6), (5.5, 1, -12, 8), (-4, 0.78, 10, 14), (2, 1.28, -7, -11), (6, 0.9, 20, -18)]


@pytest.mark.parametrize("move", MOVES)
def test_a_known_transform_is_found_to_a_fraction_of_a_pixel(move):
    known = matrix(*move, SIDE)
    lr, ref = pair(3, known)
    found = register(lr, ref, 4)
    assert found.accepted
    assert np.median(error(found, known)) < 0.35
    assert np.percentile(error(found, known), 90) < 0.8


@pytest.mark.parametrize(("scale", "limit"), [(2, 0.4), (8, 0.8), (16, 1.6)])
def test_other_scales(scale, limit):
    side = 480 if scale == 16 else SIDE
    known = matrix(3, 1.1, 12, -9, side)
    lr, ref = pair(4, known, scale, side)
    found = register(lr, ref, scale)
    assert found.accepted
    assert np.median(error(found, known)) < limit


@pytest.mark.parametrize("seed", range(8))
def test_another_places_ref_is_refused(seed):
    lr, _ = pair(seed, matrix(0, 1, 0, 0, SIDE))
    _, ref = pair(100 + seed, matrix(0, 1, 0, 0, SIDE))
    found = register(lr, ref, 4)
    assert not found.accepted
    assert found.verdict.reasons
    assert not found.weight.any()
    # What was refused stays where it was assumed.
    assert np.array_equal(found.transform, np.eye(2, 3))
    assert found.field is None


def waves(x, y):
    return 2.5 * np.sin(y / 35), 2.0 * np.sin(x / 40 + 1)


def test_a_smooth_displacement_is_followed_without_folds():
    known = matrix(1, 1.02, 4, 3, SIDE)
    lr, ref = pair(5, known, bend=waves)
    local, rigid = register(lr, ref, 4), register(lr, ref, 4, RegistrationOptions(mode="global"))
    assert rigid.field is None
    assert np.median(error(rigid, known, waves, 12)) > 1.2
    assert np.median(error(local, known, waves, 12)) < 0.5
    assert local.field is not None
    assert jacobian(local.field, SIDE / local.field.shape[0]).min() > 0


def test_ground_that_changed_gets_no_weight():
    known = matrix(0, 1, 5, -4, SIDE)
    lr, ref = pair(6, known)
    ref[90:180, 90:180] = ground(77)[:90, :90]
    found = register(lr, ref, 4)
    assert found.accepted
    assert found.weight[115:165, 105:155].mean() < 0.3
    assert found.weight[:60, 20:].mean() > 0.8
    # No weight where Ref does not reach.
    x, y = found.coordinates(Window(0, 0, SIDE, SIDE))
    outside = (x < -2) | (y < -2) | (x > SIDE + 1) | (y > SIDE + 1)
    assert outside.any()
    assert not found.weight[outside].any()


def test_mode_none_leaves_ref_where_it_is_and_still_judges():
    lr, ref = pair(8, matrix(0, 1, 0, 0, SIDE))
    found = register(lr, ref, 4, RegistrationOptions(mode="none"))
    assert found.accepted
    assert np.array_equal(found.transform, np.eye(2, 3))
    assert np.array_equal(found.warp(ref)[0], ref)
    lr, ref = pair(8, matrix(0, 1, 25, 0, SIDE))
    assert not register(lr, ref, 4, RegistrationOptions(mode="none")).accepted


@pytest.mark.parametrize("ratio", [2, 3])
def test_ref_of_other_size_and_bands(ratio):
    """A Ref of the same ground with finer pixels; and one of the same pixels that shows more ground."""
    known = matrix(2, 1, 3, -2, SIDE)
    lr, ref = pair(9, known)
    finer = np.repeat(np.repeat(ref, ratio, 0), ratio, 1)
    found = register(np.dstack([lr, lr, lr]), finer, 4)
    assert found.accepted
    x, y = found.coordinates(Window(0, 0, SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    true_x, true_y = (known[row, 0] * columns + known[row, 1] * rows + known[row, 2] for row in (0, 1))
    assert np.median(np.hypot(x - ((true_x + 0.5) * ratio - 0.5), y - ((true_y + 0.5) * ratio - 0.5))) < 0.4 * ratio
    wider = np.pad(ref, ((40, 40), (60, 60)), mode="reflect")
    found = register(lr, wider, 4)
    assert found.accepted
    x, y = found.coordinates(Window(0, 0, SIDE, SIDE))
    assert np.median(np.hypot(x - true_x - 60, y - true_y - 40)) < 0.4


def test_equal_arguments_give_equal_results():
    lr, ref = pair(10, matrix(-3, 0.9, 6, 9, SIDE))
    one, other = register(lr, ref, 4), register(lr.copy(), ref.copy(), 4)
    assert np.array_equal(one.transform, other.transform)
    assert np.array_equal(one.weight, other.weight)
    assert np.array_equal(one.field, other.field)


def test_a_window_is_warped_as_the_whole():
    lr, ref = pair(11, matrix(-3, 0.9, 6, 9, SIDE))
    found = register(lr, ref, 4)
    image = np.dstack([ref, 1 - ref, ref * ref, ref, ref])
    whole, covered = found.warp(image)
    window = Window(31, 57, 90, 101)
    part, part_covered = found.warp(image, window)
    assert whole.shape == (SIDE, SIDE, 5)
    inner = (slice(31, 121), slice(57, 158))
    np.testing.assert_array_equal(part, whole[inner])
    np.testing.assert_array_equal(part_covered, covered[inner])


def test_what_cannot_be_registered_is_said():
    with pytest.raises(DataError, match="no image"):
        register(np.zeros((0, 4)), np.zeros((16, 16)), 4)
    with pytest.raises(UsageError, match="none of"):
        RegistrationOptions(mode="locl")
    lr, ref = pair(1, matrix(0, 1, 0, 0, SIDE))
    with pytest.raises(DataError, match="registered was"):
        register(lr, ref, 4).warp(ref[:-1])


@pytest.mark.parametrize(
    ("lr", "ref", "reason"),
    [
        (np.full((60, 60), 0.5), ground(1)[:240, :240], "nothing but one grey"),
        (reduced(ground(1)[:240, :240], 4), np.full((240, 240), 0.5), "nothing but one grey"),
        (np.full((60, 60), np.nan), ground(1)[:240, :240], "no data"),
        (np.ones((3, 3)), np.ones((12, 12)), "too few"),
    ],
)
def test_reasons(lr, ref, reason):
    found = register(lr, ref, 4)
    assert not found.accepted
    assert reason in found.verdict.reasons[0]
    assert reason in found.sentence()


def test_nothing_is_imported_but_numpy_and_opencv():
    code = "import sys, refsr.registration; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
