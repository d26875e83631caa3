"""Means over rectangles: linear over one pixel, exact where rectangles end between pixels, blind to holes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsr.geo.area_means import area_means

RAMP = (3.0 * np.arange(40)[:, None] + 7.0 * np.arange(50))[:, :, None].astype(np.float32)
FULL = np.ones((40, 50), bool)


def grid(left, top, step, count=5):
    columns, rows = np.meshgrid(left + step * np.arange(count), top + step * np.arange(count))
    return columns.astype(np.float64), rows.astype(np.float64)


@settings(deadline=None, max_examples=60)
@given(st.floats(1, 6), st.floats(1, 6), st.floats(8, 12), st.floats(8, 12))
def test_a_ramp_stays_where_it_is(across, down, left, top):
    columns, rows = grid(left, top, 3.3)
    found, held = area_means(RAMP, FULL, columns, rows, (across, down))
    assert held.all()
    np.testing.assert_allclose(found[:, :, 0], 3 * rows + 7 * columns, rtol=1e-6)


def test_a_square_of_one_pixel_is_linear_interpolation():
    image = np.random.default_rng(0).normal(size=(40, 50, 2)).astype(np.float32)
    found, _ = area_means(image, FULL, *grid(10.25, 20.5, 1), (1, 1))
    upper = 0.75 * image[20:25, 10:15] + 0.25 * image[20:25, 11:16]
    lower = 0.75 * image[21:26, 10:15] + 0.25 * image[21:26, 11:16]
    np.testing.assert_allclose(found, (upper + lower) / 2, rtol=1e-5, atol=1e-6)


def test_whole_sides_are_means_of_what_lies_inside():
    image = np.random.default_rng(1).normal(size=(40, 50, 3)).astype(np.float32)
    found, _ = area_means(image, FULL, *grid(11, 11, 3), (3, 3))
    np.testing.assert_allclose(found, image[10:25, 10:25].reshape(5, 3, 5, 3, 3).mean((1, 3)), rtol=1e-4, atol=1e-6)
    # Half a pixel off, the outermost pixels count half.
    found, _ = area_means(image, FULL, np.full((1, 1), 11.5), np.full((1, 1), 11.0), (2, 1))
    np.testing.assert_allclose(found[0, 0], image[11, 11:13].mean(0), rtol=1e-5)
    found, _ = area_means(image, FULL, np.full((1, 1), 11.0), np.full((1, 1), 11.0), (2, 1))
    np.testing.assert_allclose(found[0, 0], (image[11, 10] + 2 * image[11, 11] + image[11, 12]) / 4, rtol=1e-5)


@pytest.mark.parametrize("empty", [np.nan, -9999])
def test_pixels_without_data_do_not_count(empty):
    image, valid = RAMP * 0 + 5, FULL.copy()
    valid[12:16, 12:16] = False
    image[~valid] = empty
    columns, rows = np.meshgrid(np.arange(40.0), np.arange(30.0))
    found, held = area_means(image, valid, columns, rows, (3, 3))
    np.testing.assert_allclose(found[held], 5)
    # A square of nine around the corner of the hole has four without data; inside it has nine.
    assert held[12, 12]
    assert not held[13, 13]
    assert not held[12, 13]


def test_beyond_the_array_is_no_data():
    columns, rows = np.meshgrid([-1.6, -0.5, 0, 49, 49.5, 51], [20.0])
    _, held = area_means(RAMP, FULL, columns, rows, (2, 2))
    assert held.tolist() == [[False, True, True, True, True, False]]
