"""A transform between two views of the same ground is found to a tenth of a pixel, and never made up."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import shift, zoom

from refsr.registration.transform import correlation, find_transform, smooth, structure, warp

SIDE = 64


def ground(seed: int) -> np.ndarray:
    """(SIDE, SIDE) fields of several sizes, smooth enough to be moved by parts of a pixel."""
    draw = np.random.default_rng(seed)
    layers = [zoom(draw.random((SIDE // n, SIDE // n)), n, order=3) for n in (4, 8, 16)]
    return (0.2 * layers[0] + 0.3 * layers[1] + 0.5 * layers[2]).astype(np.float32)


def test_frames_are_found_to_a_tenth_of_a_pixel():
    image = ground(5)
    other = shift(image, (1.3, -2.6), order=3, mode="reflect").astype(np.float32) * 0.5 + 0.2
    transform = find_transform(image, other, affine=True)
    middle = np.array([SIDE / 2, SIDE / 2, 1])
    assert transform @ middle - middle[:2] == pytest.approx([-2.6, 1.3], abs=0.1)
    through, covered = warp(other[:, :, None], transform)
    inner = covered > 0.99
    assert 0 < (~inner).sum() < 0.15 * inner.size
    assert np.corrcoef(through[inner, 0], image[inner])[0, 1] > 0.99


@pytest.mark.parametrize("affine", [True, False])
def test_a_known_rotation_is_found(affine):
    image = ground(7)
    angle = np.radians(2)
    cosine, sine, half = np.cos(angle), np.sin(angle), (SIDE - 1) / 2
    known = np.array(
        [[cosine, -sine, half - cosine * half + sine * half], [sine, cosine, half - sine * half - cosine * half]],
        np.float32,
    )
    other, _ = warp(image[:, :, None], known)
    found = find_transform(other[:, :, 0], image, affine)
    corners = np.array([(x, y, 1) for x in (8, SIDE - 8) for y in (8, SIDE - 8)])
    np.testing.assert_allclose(corners @ found.T, corners @ known.T, atol=0.2)


def test_images_without_anything_in_common_stay_where_they_are():
    draw = np.random.default_rng(0)
    flat, noise = np.full((32, 32), 0.5, np.float32), draw.random((32, 32)).astype(np.float32)
    assert np.array_equal(find_transform(flat, flat, True), np.eye(2, 3))
    assert np.abs(find_transform(noise, flat, True) - np.eye(2, 3)).max() < 4
    small = np.zeros((4, 4), np.float32)
    assert np.array_equal(find_transform(small, small, True), np.eye(2, 3))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("size", "across"), [(1.0, 12.0), (1.15, 0.0)])
def test_what_no_two_views_of_one_ground_are_apart_is_a_failed_fit(seed, size, across):
    """A move by a fifth of the side, or a size 15 % off: rather a poor transform than one that cannot be."""
    half = (SIDE - 1) / 2
    known = np.array([[size, 0, half - size * half + across], [0, size, half - size * half]], np.float32)
    image = ground(seed)
    other, _ = warp(image[:, :, None], known)
    found = find_transform(other[:, :, 0], image, affine=True)
    assert np.abs(found[:, :2] - np.eye(2)).max() <= 0.08
    corners = np.array([(x, y, 1) for x in (0, SIDE) for y in (0, SIDE)])
    assert np.abs(corners @ found.T - corners[:, :2]).max() <= 0.1 * SIDE


def test_the_identity_moves_nothing_and_covers_all():
    image = np.random.default_rng(0).random((9, 12, 4)).astype(np.float32)
    same, covered = warp(image, np.eye(2, 3, dtype=np.float32))
    np.testing.assert_array_equal(same, image)
    assert covered.min() == 1


def test_structure_is_the_same_in_any_light():
    image = ground(3)
    one, other = structure(image), structure(image * np.float32(0.5) + np.float32(0.2))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.999
    assert correlation(one, other, np.eye(2, 3, dtype=np.float32)) > 0.999
    assert smooth(image, 0) is image


def test_nothing_is_imported_but_numpy_and_opencv():
    code = "import sys, refsr.registration.transform; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
