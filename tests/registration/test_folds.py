"""A field that folds is smoothed where it does; what does not fold stays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from refsr.registration.local import jacobian, unfolded


@pytest.mark.parametrize("strength", [1, 6, 30, 200])
@pytest.mark.parametrize("sigma", [0.5, 2, 5])
def test_no_field_folds(strength, sigma):
    draw = np.random.default_rng(int(strength + sigma * 10))
    field = gaussian_filter(draw.standard_normal((40, 50, 2)), (sigma, sigma, 0)).astype(np.float32)
    field *= strength / field.std()
    found = unfolded(field, 4)
    assert jacobian(found, 4).min() > 0
    assert np.isfinite(found).all()


def test_smoothing_stays_near_the_fold():
    rows, columns = np.mgrid[:60, :60]
    field = np.stack([np.sin(rows / 9), np.cos(columns / 8)], axis=2).astype(np.float32)
    assert np.array_equal(unfolded(field, 4), field)
    folded = field.copy()
    folded[30, 30, 0] += 12
    assert jacobian(folded, 4).min() < 0
    found = unfolded(folded, 4)
    assert jacobian(found, 4).min() > 0
    away = np.hypot(rows - 30, columns - 30) > 15
    np.testing.assert_allclose(found[away], field[away], atol=1e-3)


def test_the_area_of_a_known_field():
    rows, columns = np.mgrid[:10, :10]
    field = np.stack([0.1 * columns, -0.2 * rows], axis=2).astype(np.float32)
    np.testing.assert_allclose(jacobian(field, 1), 1.1 * 0.8, rtol=1e-5)
