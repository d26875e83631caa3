"""Detail of restored bands in another band: against bands whose fine pixels are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from refsr.geo import detail_injection
from refsr.geo.detail_injection import (
    detail,
    fine_detail,
    injected,
    injection,
    noise_of,
    projection_steps,
    window_radius,
)
from refsr.ops.resize import imresize

SCALE, SIDE = 4, 192


def texture(seed: int, softness: float = 1.0) -> np.ndarray:
    """Random ground of mean 1000 and deviation 200, as soft as an image is."""
    image = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), softness, mode="reflect")
    patches = gaussian_filter(np.random.default_rng(seed + 99).normal(size=(SIDE, SIDE)), 6) > 0
    return 1000 + 100 * image / image.std() + 200 * gaussian_filter(patches.astype(float), softness)


def reduced(image: np.ndarray) -> np.ndarray:
    return imresize(image, f"1/{SCALE}")


def made(band: np.ndarray, restored: np.ndarray, valid: np.ndarray | None = None, noise: float = 0.0) -> np.ndarray:
    guides = reduced(restored)
    valid = np.ones(band.shape, bool) if valid is None else valid
    spread = detail(guides, valid, window_radius(guides.shape[2])).std((0, 1))
    return injected(band, injection(band, guides, valid, spread), fine_detail(restored, SCALE), SCALE, noise)


def rms(image: np.ndarray) -> float:
    return float(np.sqrt((image[8:-8, 8:-8] ** 2).mean()))


@pytest.fixture(scope="module")
def restored() -> np.ndarray:
    return np.stack([texture(seed) for seed in (1, 2, 3)], axis=2)


def test_a_mixture_of_the_restored_bands_is_restored(restored):
    truth = 500 + restored @ np.array([0.7, -0.4, 0.2])
    band = reduced(truth)
    assert rms(made(band, restored) - truth) < 0.15 * rms(imresize(band, SCALE) - truth)


def test_the_mixture_may_differ_from_place_to_place(restored):
    left = np.arange(SIDE)[None, :] < SIDE // 2
    truth = np.where(left, restored @ np.array([1.0, 0.0, 0.3]), 3000 - restored @ np.array([0.0, 0.8, 0.0]))
    band = reduced(truth)
    assert rms(made(band, restored) - truth) < 0.5 * rms(imresize(band, SCALE) - truth)


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("softness", [0.6, 1.0, 2.0, 3.0, 6.0, 12.0])
def test_a_band_of_its_own_is_not_worse_than_bicubic(seed, softness, restored):
    truth = texture(seed, softness)
    band = reduced(truth)
    assert rms(made(band, restored) - truth) <= 1.005 * rms(imresize(band, SCALE) - truth)


@pytest.mark.parametrize("softness", [1.0, 3.0, 12.0])
@pytest.mark.parametrize("noise", [0.5, 2.0, 10.0])
def test_noise_of_a_band_is_not_amplified(noise, softness, restored):
    truth = texture(21, softness)
    band = reduced(truth) + np.random.default_rng(5).normal(size=(SIDE // SCALE,) * 2) * noise
    estimate = noise_of(band, np.ones(band.shape, bool))
    assert rms(made(band, restored, noise=estimate) - truth) <= 1.04 * rms(imresize(band, SCALE) - truth)


def test_the_noise_of_a_flat_band_is_found():
    valid = np.ones((96, 96), bool)
    for sigma in (0.1, 3.0, 50.0):
        noise = np.random.default_rng(4).normal(size=(96, 96)) * sigma
        slope = np.add.outer(np.arange(96.0), 2 * np.arange(96.0))
        assert noise_of(4000 + slope + noise, valid) == pytest.approx(sigma, rel=0.2)
    assert noise_of(4000 + slope, valid) == pytest.approx(0, abs=1e-9)
    assert noise_of(slope, np.zeros((96, 96), bool)) is None


def test_the_result_reduces_to_the_band(restored):
    band = reduced(texture(8) + restored @ np.array([0.5, 0.5, 0.0]))
    apart = reduced(made(band, restored)) - band
    assert rms(apart) < 0.01 * band.std()
    # Bicubic alone does not.
    assert rms(reduced(imresize(band, SCALE)) - band) > 0.1 * band.std()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(1, 8))
def test_back_projections_leave_a_thirtieth_of_anything(kept, count):
    left = np.ones(len(kept))
    share = detail_injection.LEAST_KEPT + np.array(kept) * (1 - detail_injection.LEAST_KEPT)
    for step in projection_steps(count):
        left *= 1 - step * share
    # Chebyshev's bound, by the recursion of his polynomials.
    before, bound = 1.0, (1 + detail_injection.LEAST_KEPT) / (1 - detail_injection.LEAST_KEPT)
    for _ in range(count - 1):
        before, bound = (
            bound,
            2 * (1 + detail_injection.LEAST_KEPT) / (1 - detail_injection.LEAST_KEPT) * bound - before,
        )
    assert np.abs(left).max() <= 1 / bound + 1e-9


def test_the_least_kept_wavelength_is_what_resizing_keeps():
    board = np.where(np.add.outer(np.arange(64), np.arange(64)) % 2, 1.0, -1.0)
    for scale in (2, 3, 4, 8, 16):
        kept = imresize(imresize(board, scale), f"1/{scale}")[16:-16, 16:-16] / board[16:-16, 16:-16]
        assert detail_injection.LEAST_KEPT <= kept.min() < 0.26
    noise = np.random.default_rng(0).normal(size=(200, 200))
    assert (noise - reduced(imresize(noise, SCALE))).var() == pytest.approx(detail_injection.NOISE_LEFT, rel=0.1)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 1e4), st.floats(-1e5, 1e5), st.floats(0.01, 100))
def test_units_do_not_matter(factor, offset, other):
    restored = np.stack([texture(seed) for seed in (1, 2)], axis=2)[:96, :96]
    band = reduced(texture(8)[:96, :96] + restored[:, :, 0])
    plain = made(band, restored)
    scaled = made(band * factor + offset, restored * other)
    np.testing.assert_allclose(
        (scaled - offset) / factor, plain, rtol=0, atol=1e-3 * band.std() + 1e-9 * abs(offset / factor)
    )


def test_flat_ground_clouds_and_holes_stay_finite(restored):
    truth = texture(8) + restored[:, :, 0]
    band = reduced(truth)
    cloudy = restored.copy()
    cloudy[:100] = 4095
    band[:10] = 7
    for guides in (cloudy, np.full_like(restored, 5), np.zeros_like(restored)):
        assert np.isfinite(made(band, guides)).all()
    valid = np.ones(band.shape, bool)
    valid[10:30, 10:30] = False
    assert np.isfinite(made(band, restored, valid)).all()
    assert np.isfinite(made(band, restored, np.zeros_like(valid))).all()


def test_what_lies_in_a_hole_changes_nothing_around_it(restored):
    truth = texture(8) + restored[:, :, 0]
    band, guides = reduced(truth), reduced(restored)
    valid = np.ones(band.shape, bool)
    valid[10:30, 10:30] = False
    spread = np.ones(3)
    plain = injection(band, guides, valid, spread)
    band[~valid], guides[~valid] = -9999, 1e6
    np.testing.assert_allclose(injection(band, guides, valid, spread)[valid], plain[valid], atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 12])
def test_any_number_of_guides_has_windows_that_determine_them(count):
    assert (2 * window_radius(count) + 1) ** 2 > 2 * count + 2
    restored = np.stack([texture(seed) for seed in range(count)], axis=2)
    truth = restored.mean(axis=2)
    band = reduced(truth)
    assert rms(made(band, restored) - truth) < 0.4 * rms(imresize(band, SCALE) - truth)


def test_no_band_of_a_real_cube_is_worse():
    """AVIRIS over Indian Pines: 200 bands, some of them mostly noise; red, green and blue are known, or half known."""
    tensorly = pytest.importorskip("tensorly", reason="no package tensorly, which carries Indian Pines")
    folder = Path(tensorly.__file__).parent
    cube = np.load(folder / "datasets" / "data" / "Indian_pines_corrected.npy")[:144, :144].astype(np.float64)
    colours = cube[:, :, [25, 15, 5]]
    half = 0.5 * colours + 0.5 * imresize(reduced(colours), SCALE)
    gains = []
    for band in range(0, 200, 3):
        truth = cube[:, :, band]
        low = reduced(truth)
        noise = noise_of(low, np.ones(low.shape, bool))
        plain = rms(imresize(low, SCALE) - truth)
        gains.append([plain / rms(made(low, restored, noise=noise) - truth) for restored in (colours, half)])
    assert np.min(gains) > 1.0
    assert np.mean(gains, axis=0)[0] > 1.3
    assert np.mean(gains, axis=0)[1] > 1.2
