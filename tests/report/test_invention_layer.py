"""The map of what a result made up: its colours, and the window that is framed."""

from __future__ import annotations

import numpy as np

from refsr.ops.resize import imresize
from refsr.report.invention import COLOURS, FRAME, GAP, invention, worst_parts, worst_window


def test_each_pixel_has_the_colour_of_what_it_is_and_the_worst_window_is_framed():
    draw = np.random.default_rng(0)
    lr = draw.integers(90, 160, (40, 40, 3), dtype=np.uint8)
    up = np.clip(imresize(lr.astype(np.float32), 4), 0, 255)
    hr = np.clip(up + np.where(draw.random((160, 160, 1)) < 0.5, 20, -20), 0, 255).round().astype(np.uint8)
    result = hr.copy()
    result[:, :40] = up[:, :40].round()
    made_up = np.s_[80:144, 88:152]
    result[made_up] = np.clip(up[made_up] - 3 * (hr[made_up].astype(float) - up[made_up]), 0, 255)
    found = invention(result, hr, lr, 4)
    assert found.worst > 0.99
    assert (found.picture[90:130, 100:140] == COLOURS["hallucination"]).all()
    assert (found.picture[:, :40] == COLOURS["omission"]).mean() > 0.99
    assert (found.picture[:60, 50:] == COLOURS["improvement"]).all()
    assert (found.picture[80, 88:152] == FRAME).all()
    assert (found.picture[80:144, 151] == FRAME).all()


def test_the_worst_window_is_that_of_a_search_over_all():
    plane = np.random.default_rng(1).random((23, 31))
    every = {(top, left): plane[top : top + 8, left : left + 8].mean() for top in range(16) for left in range(24)}
    place = max(every, key=lambda one: every[one])
    top, left, share = worst_window(plane, 8)
    assert (top, left) == place
    np.testing.assert_allclose(share, every[place])
    assert worst_window(plane, 64)[:2] == (0, 0)
    np.testing.assert_allclose(worst_window(plane, 64)[2], plane.mean())


def test_the_worst_window_is_shown_of_all_pictures():
    lr = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(32, 32, 3).astype(np.uint8)
    hr = lr.repeat(4, axis=0).repeat(4, axis=1)
    strip = worst_parts([lr, hr], (12, 40), (128, 128))
    assert strip.shape == (64, 2 * 64 + GAP, 3)
    assert (strip[:, :64] == hr[12:76, 40:104]).all(), "LR, enlarged"
    assert (strip[:, 64 + GAP :] == hr[12:76, 40:104]).all()
