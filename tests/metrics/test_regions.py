"""Changed and unchanged areas are scored by their own pixels, and the leak is the share that was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refsr.metrics.fidelity import psnr, ssim
from refsr.metrics.regions import FEWEST, leak, region_metrics, region_scores


@pytest.fixture
def halves():
    draw = np.random.default_rng(0)
    target = draw.integers(0, 256, (64, 80, 3)).astype(np.float64)
    changed = np.zeros((64, 80), bool)
    changed[:, 40:] = True
    image = target + np.where(changed[:, :, None], 10, 2)
    return image, target, changed


def test_each_area_by_its_own_pixels(halves):
    image, target, changed = halves
    scores = region_scores(image, target, changed)
    assert set(scores) | {"leak-changed"} == set(region_metrics())
    assert scores["psnr-changed"] == pytest.approx(20 * math.log10(255 / 10))
    assert scores["psnr-unchanged"] == pytest.approx(20 * math.log10(255 / 2))
    both = {
        name: region_scores(image, target, np.full_like(changed, name == "changed"))
        for name in ("changed", "unchanged")
    }
    for name, found in both.items():
        assert found[f"psnr-{name}"] == pytest.approx(psnr(image, target))
        assert found[f"ssim-{name}"] == pytest.approx(ssim(image, target))
    assert math.isnan(both["changed"]["psnr-unchanged"])
    assert math.isnan(both["unchanged"]["ssim-changed"])


def test_ssim_of_an_area_is_that_of_the_windows_in_its_middle(halves):
    image, target, changed = halves
    # A window that lies in the area as a whole sees nothing else, so this part alone has the same value there.
    inner = np.zeros_like(changed)
    inner[5:-5, 45:-5] = True
    assert region_scores(image, target, inner)["ssim-changed"] == pytest.approx(ssim(image[:, 40:], target[:, 40:]))


def test_areas_are_scored_from_the_fewest_pixels_on(halves):
    image, target, _ = halves
    for count in (FEWEST - 1, FEWEST):
        changed = np.zeros(image.shape[:2], bool)
        rows, columns = np.divmod(np.arange(count), 50)
        changed[10 + rows, 10 + columns] = True
        scores = region_scores(image, target, changed)
        assert math.isnan(scores["psnr-changed"]) == (count < FEWEST)
        assert math.isnan(scores["ssim-changed"]) == (count < FEWEST)
        assert math.isnan(leak(image, target, image * image, changed)) == (count < FEWEST)


def test_the_leak_is_what_was_put_in():
    draw = np.random.default_rng(1)
    wanted, offered = draw.normal(size=(2, 40, 40, 3))
    offered += 0.5 * wanted
    changed = np.ones((40, 40), bool)
    assert leak(0.6 * wanted + 0.25 * offered, wanted, offered, changed) == pytest.approx(0.25)
    assert leak(wanted, wanted, offered, changed) == pytest.approx(0, abs=1e-12)
    assert math.isnan(leak(wanted, wanted, wanted, changed))
    assert math.isnan(leak(wanted, wanted, offered, ~changed))
