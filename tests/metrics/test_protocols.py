"""Metrics against closed forms and plain loops; the published numbers are held by the parity cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import correlate

from refsr.core.errors import DataError, UsageError
from refsr.data.images import read_image
from refsr.metrics.colour import luma, match_statistics
from refsr.metrics.fidelity import psnr, ssim
from refsr.metrics.protocols import PROTOCOLS, measure, protocol
from refsr.metrics.quantise import to_uint8
from refsr.ops.resize import imresize


def test_psnr_of_a_known_error():
    target = np.full((20, 20, 3), 100.0)
    assert psnr(target + 5, target) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(target, target) == math.inf


def test_ssim_is_its_definition():
    draw = np.random.default_rng(0)
    x, y = draw.random((2, 19, 23)) * 255
    grid = np.arange(11) - 5
    window = np.exp(-(grid[:, None] ** 2 + grid[None] ** 2) / 4.5)
    window /= window.sum()

    def blur(v):
        return correlate(v, window)[5:-5, 5:-5]

    mx, my = blur(x), blur(y)
    vx, vy, c = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    expected = (2 * mx * my + 6.5025) * (2 * c + 58.5225) / ((mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225))
    assert ssim(x, y) == pytest.approx(expected.mean(), abs=1e-12)
    assert ssim(np.stack([x, x], 2), np.stack([y, x], 2)) == pytest.approx((expected.mean() + 1) / 2, abs=1e-12)


def test_luma_of_black_and_white():
    assert luma(np.zeros((1, 1, 3)))[0, 0] == 16
    assert luma(np.full((1, 1, 3), 255.0))[0, 0] == pytest.approx(235)


def test_rounding_rules():
    assert to_uint8(np.array([0.5 / 255, 1.5 / 255, 2.0, -1.0])).tolist() == [0, 2, 255, 0]
    assert to_uint8((np.arange(256) / 127.5 - 1 + 1) / 2, "truncate").tolist() == list(range(256))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_measures_and_prefers_the_better_image(name):
    draw = np.random.default_rng(1)
    target = draw.random((40, 44, 3))
    near, far = (target + draw.normal(0, sigma, target.shape) for sigma in (0.02, 0.2))
    better, worse = measure(near, target, 4, name), measure(far, target, 4, name)
    assert better["psnr"] > worse["psnr"]
    assert better["ssim"] > worse["ssim"]


def test_mistakes_are_named():
    image = np.zeros((18, 18, 3))
    with pytest.raises(UsageError, match="did you mean 'rgb-uint8-border4'"):
        measure(image, image, 4, "rgb-uint8-boder4")
    with pytest.raises(DataError, match="at least 11 pixels"):
        measure(image, image, 4)
    with pytest.raises(DataError, match="nothing is left"):
        measure(image, image, 16, "rgb-uint8-border-scale")
    with pytest.raises(DataError, match="shape"):
        measure(image, image[:10], 4)
    with pytest.raises(DataError, match="three bands"):
        measure(image[..., :1], image[..., :1], 4, "y-uint8-border4")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("rrssrd/val_1st", ("30.07", ".8080")),
        ("rrssrd/val_2nd", ("29.79", ".7746")),
        ("kagglesrd/val_1", ("26.93", ".7595")),
        ("kagglesrd/val_2", ("26.73", ".7371")),
    ],
)
def test_the_enlarged_files_of_real_sets_score_what_is_known(shared, folder, expected):
    root = shared / "data" / folder
    scores = []
    for file in sorted((root / "HR").glob("*.jpg")):
        hr, up = (read_image(root / kind / file.name) / 255 for kind in ("HR", "LR_UX4"))
        scores.append(measure(up, hr, 4))
    assert f"{np.mean([s['psnr'] for s in scores]):.2f}" == expected[0]
    assert f"{np.mean([s['ssim'] for s in scores]):.4f}"[1:] == expected[1]


@pytest.mark.parametrize(
    ("folder", "expected"), [("rrssrd/val_1st", ("29.47", ".7899")), ("kagglesrd/val_1", ("25.56", ".6911"))]
)
def test_low_resolution_files_enlarged_by_pillow_score_what_is_known(shared, folder, expected):
    """Ours is another function at the border only, so it must come within 0.01 dB of Pillow's."""
    pillow = pytest.importorskip("PIL.Image")
    root = shared / "data" / folder
    scores, differences = [], []
    for file in sorted((root / "HR").glob("*.jpg")):
        hr, low = (read_image(root / kind / file.name) for kind in ("HR", "LR"))
        enlarged = np.asarray(pillow.fromarray(low).resize(hr.shape[1::-1], pillow.Resampling.BICUBIC))
        scores.append(measure(enlarged / 255, hr / 255, 4))
        differences.append(psnr(imresize(low, 4)[4:-4, 4:-4], hr[4:-4, 4:-4]) - scores[-1]["psnr"])
    assert f"{np.mean([s['psnr'] for s in scores]):.2f}" == expected[0]
    assert f"{np.mean([s['ssim'] for s in scores]):.4f}"[1:] == expected[1]
    assert abs(np.mean(differences)) < 0.01


def test_a_flat_band_is_matched_to_its_target_s_mean():
    """It has no deviation that could be scaled."""
    draw = np.random.default_rng(0)
    image, target = draw.uniform(0, 255, (2, 16, 12, 3))
    image[..., 1] = 80
    matched = match_statistics(image, target)
    assert matched[..., 1] == pytest.approx(np.full((16, 12), target[..., 1].mean()))
    for band in (0, 2):
        assert matched[..., band].mean() == pytest.approx(target[..., band].mean())
        assert matched[..., band].std() == pytest.approx(target[..., band].std())


@pytest.mark.parametrize("shape", [(8, 20), (20, 8, 3)])
def test_an_image_that_is_all_border_is_refused(shape):
    quoted = protocol("rgb-uint8-border4")
    with pytest.raises(DataError, match=r"cuts 4 pixels from each side of .*: nothing is left"):
        quoted.inside(np.zeros(shape), 4)
    larger = tuple(9 if side == 8 else side for side in shape)
    assert quoted.inside(np.zeros(larger), 4).shape == (*(side - 8 for side in larger[:2]), *larger[2:])
