"""A Ref of other light gets LR's colours and keeps its own detail."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import ground, reduced

from refsr.core.errors import DataError
from refsr.registration.colour import in_lr_colours


def test_light_that_varies_slowly_is_taken_away():
    hr = np.dstack([ground(seed, 160) for seed in (1, 2, 3)]) * np.float32(0.8) + np.float32(0.1)
    lr = reduced(hr, 4)
    haze = np.linspace(0, 0.3, 160, dtype=np.float32)[None, :, None]
    ref = hr * np.float32(0.6) + haze
    found = in_lr_colours(ref, lr)
    assert np.abs(ref - hr).mean() > 0.09
    assert np.abs(found - hr).mean() < 0.02
    # Detail that LR does not hold is Ref's.
    fine, own = (image - np.repeat(np.repeat(reduced(image, 4), 4, 0), 4, 1) for image in (found, hr))
    assert np.corrcoef(fine.ravel(), own.ravel())[0, 1] > 0.99


def test_equal_colours_stay_and_flat_images_pass():
    hr = ground(4, 80)[:, :, None]
    np.testing.assert_allclose(in_lr_colours(hr, reduced(hr, 4)), hr, atol=0.03)
    flat = np.full((80, 80, 1), 0.3, np.float32)
    np.testing.assert_allclose(in_lr_colours(flat, np.full((20, 20, 1), 0.6, np.float32)), 0.6, atol=1e-5)


def test_bands_must_belong_together():
    with pytest.raises(DataError, match="equal bands"):
        in_lr_colours(np.zeros((8, 8, 3)), np.zeros((2, 2, 1)))
