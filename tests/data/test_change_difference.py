"""Change vector analysis: colours and place of the reference do not count, changed ground does."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.data.change.difference import aligned, difference, reduced
from refsr.ops.resize import imresize

SCALE, SIDE = 4, 128


@pytest.fixture(scope="module")
def ground():
    """HR, LR, and Ref of other colours on which a square differs."""
    draw = np.random.default_rng(4)
    hr = np.clip(imresize(draw.random((32, 32, 3)), 4), 0, 1).astype(np.float32)
    ref = hr.copy()
    ref[32:64, 48:80] = np.clip(imresize(draw.random((8, 8, 3)), 4), 0, 1)
    ref = (0.1 + 0.7 * ref).astype(np.float32)
    changed = np.zeros((SIDE, SIDE), bool)
    changed[32:64, 48:80] = True
    return hr, np.clip(imresize(hr, 1 / SCALE), 0, 1).astype(np.float32), ref, changed


def test_what_changed_differs_and_colours_do_not(ground):
    hr, lr, ref, changed = ground
    through, reached = aligned(lr, ref, SCALE)
    assert reached.mean() > 0.95
    amount = difference(hr, through, reached, SCALE)
    away = ~changed & (reached > 0)
    away[20:76, 36:92] = False
    assert amount[changed].mean() > 8 * amount[away].mean()
    assert amount[away].mean() < 0.01


def test_ref_that_lies_elsewhere_is_brought_into_place(ground):
    hr, lr, ref, changed = ground
    moved = np.roll(ref, (3, -2), axis=(0, 1))
    through, reached = aligned(lr, moved, SCALE)
    inner = np.s_[12:-12, 12:-12]
    beside, before = (np.abs(one - ref)[inner].mean() for one in (through, moved))
    assert beside < before / 5
    amount = difference(hr, through, reached, SCALE)
    assert amount[changed].mean() > 4 * amount[inner][~changed[inner]].mean()


def test_lr_is_compared_on_its_own_grid(ground):
    _, lr, ref, changed = ground
    small, reached = reduced(ref, np.ones((SIDE, SIDE), np.float32), SCALE)
    assert small.shape == lr.shape
    assert reached.shape == lr.shape[:2]
    amount = difference(lr, small, reached, 1)
    assert amount[changed[::SCALE, ::SCALE]].mean() > 4 * amount[~changed[::SCALE, ::SCALE]].mean()


def test_images_of_two_sizes_are_refused(ground):
    _, lr, ref, _ = ground
    with pytest.raises(DataError, match="of one size"):
        difference(lr, ref, np.ones((SIDE, SIDE), np.float32), 1)
