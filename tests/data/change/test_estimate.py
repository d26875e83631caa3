"""An estimated change mask finds what changed, in spite of another light and frame, and says how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import shift

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.change.calibration import calibration, calibrations
from refsr.data.change.estimate import change_evidence, change_probability, estimate_mask, mask_under
from refsr.ops.resize import imresize

SIDE = 256


def ground(seed: int) -> np.ndarray:
    """Fields of several sizes in several colours."""
    draw = np.random.default_rng(seed)
    layers = [np.repeat(np.repeat(draw.random((SIDE // n, SIDE // n, 3)), n, 0), n, 1) for n in (8, 16, 32)]
    return np.clip(0.15 * layers[0] + 0.3 * layers[1] + 0.5 * layers[2], 0, 1).astype(np.float32)


def pair(scale: int, moves: tuple[int, int] = (3, -5)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """LR, Ref of another light, shifted, and where the ground was another at Ref's date."""
    hr, changed = ground(1), np.zeros((SIDE, SIDE), bool)
    changed[96:176, 64:160] = True
    before = np.where(changed[:, :, None], ground(2), hr)
    seen = shift(before, (*moves, 0), order=1, mode="reflect") * np.array([0.8, 0.9, 0.7]) + 0.08
    noisy = seen + np.random.default_rng(3).normal(0, 0.01, seen.shape)
    return np.clip(imresize(hr, f"1/{scale}"), 0, 1), np.clip(noisy, 0, 1).astype(np.float32), changed


@pytest.mark.parametrize("scale", [4, 8, 16])
def test_finds_what_changed(scale):
    lr, ref, changed = pair(scale)
    mask = estimate_mask(lr, ref, scale)
    assert mask.shape == (SIDE, SIDE, 1)
    assert set(np.unique(mask)) <= {0, 1}
    found = mask[:, :, 0] > 0
    assert (found & changed).sum() / (found | changed).sum() > (0.7 if scale < 16 else 0.5)


@pytest.mark.parametrize("scale", [4, 8])
def test_another_light_and_frame_are_no_change(scale):
    hr = ground(1)
    ref = shift(hr, (4, 3, 0), order=1, mode="reflect") ** 1.2 * 0.8
    assert estimate_mask(np.clip(imresize(hr, f"1/{scale}"), 0, 1), ref.astype(np.float32), scale).mean() < 0.01


def test_an_image_of_a_few_pixels_has_a_finite_probability():
    small = np.zeros((4, 4, 3), np.float32)
    assert np.isfinite(change_probability(small, np.zeros((16, 16, 3), np.float32), 4)).all()


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_any_count_of_bands(bands):
    lr, ref, changed = pair(8)
    order = [0, 1, 2, 0][:bands]
    mask = estimate_mask(lr[:, :, order], ref[:, :, order], 8)[:, :, 0] > 0
    assert (mask & changed).sum() / (mask | changed).sum() > 0.4


def test_a_window_of_the_mask_is_that_part_of_the_whole():
    lr, ref, _ = pair(8)
    probability = change_probability(lr, ref, 8)
    whole = mask_under(probability, 8, Window(0, 0, SIDE, SIDE))
    assert 0 < whole.mean() < 1
    for window in (Window(0, 0, 64, 64), Window(72, 40, 64, 96), Window(83, 61, 33, 47)):
        top, left, height, width = window
        assert np.array_equal(mask_under(probability, 8, window), whole[top : top + height, left : left + width])


def test_sizes_that_do_not_fit_are_said():
    with pytest.raises(DataError, match="Ref 8 times LR's size"):
        change_evidence(np.zeros((8, 8, 3), np.float32), np.zeros((60, 64, 3), np.float32), 8)


def test_every_scale_has_a_calibration_that_tells_its_quality():
    assert [one.scale for one in calibrations()] == [4, 8, 16]
    assert [calibration(scale).scale for scale in (2, 3, 4, 8, 12, 32)] == [4, 4, 4, 8, 16, 16]
    for one in calibrations():
        assert one.quality["f1"] > 0.5
        assert f"F1 {one.quality['f1']:.2f}" in one.sentence()
        assert 0 < one.threshold < 1
