"""Calibration: on errors whose size is known, and of a run by its command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from refsr.cli.main import main
from refsr.core.errors import DataError
from refsr.evaluation.calibrate import MOST_FALL, Place, calibrated, half_widths, least_change, spread_model
from refsr.inference.error_model import FEATURES, ErrorModel, Restored, features
from refsr.inference.passes import Passes
from refsr.inference.spread import Spread, SpreadIntervals, log_deviation
from refsr.inference.trust_options import Trust, decide
from refsr.ops.resize import imresize_tensor
from refsr.runs.card_schema import CardTrust
from refsr.runs.model_file import model_file_at, read_model

SCALE = 4


def drawn(index, noise_of_lr=0.0):
    """A place whose result's errors are large where its contrast is, with the scale of every error known."""
    generator = torch.Generator().manual_seed(index)
    smooth = imresize_tensor(torch.rand(1, 3, 12, 12, generator=generator), 8).clamp(0, 1)
    rough = (torch.arange(96) % 32 < 16).float().expand(1, 1, 96, 96)
    image = (smooth * 0.6 + 0.2 + 0.1 * rough * torch.randn(1, 1, 96, 96, generator=generator)).clamp(0.05, 0.95)
    spread = 0.002 + 0.03 * rough
    hr = image + spread * torch.randn(1, 3, 96, 96, generator=generator)
    lr = imresize_tensor(hr, "1/4")
    lr = (lr + noise_of_lr * torch.randn(lr.shape, generator=generator)).clamp(0, 1)
    up = imresize_tensor(lr, SCALE).clamp(0, 1)
    return Place("drawn", Passes(image, image), lr, up, hr)


def half_width_of(one, trust):
    image, mixed = one.restored(trust)
    with torch.no_grad():
        return trust.errors.half_width(features(Restored(image, mixed, one.passes.alone, one.lr, one.lr_up))), image


def test_intervals_hold_on_places_that_calibration_never_saw():
    section = calibrated([drawn(index) for index in range(8)])
    trust = decide(section)
    inside = {"rough": [], "smooth": []}
    for index in range(100, 106):
        one = drawn(index)
        half, image = half_width_of(one, trust)
        right = ((image - one.hr).abs() <= half).float().mean(1)[0]
        rough = torch.arange(96) % 32 < 16
        inside["rough"].append(float(right[:, rough].mean()))
        inside["smooth"].append(float(right[:, ~rough].mean()))
        assert float(half[..., rough].mean()) > 3 * float(half[..., ~rough].mean())
    for shares in inside.values():
        assert 0.86 < np.mean(shares) < 0.94


def test_clean_lr_is_held_to_hard_and_noisy_lr_is_not():
    free = Trust(guard=False)
    assert least_change([drawn(index) for index in range(4)], free)[0] == "hard"
    kind, softness = least_change([drawn(index, noise_of_lr=0.02) for index in range(4)], free)
    assert (kind, softness) != ("hard", 0)
    noisy = [drawn(index, noise_of_lr=0.02) for index in range(10, 14)]
    chosen = Trust(kind, softness=softness, guard=False)
    assert np.mean([one.psnr(chosen) - one.psnr(free) for one in noisy]) > -2 * MOST_FALL
    hard = Trust("hard", guard=False)
    assert np.mean([one.psnr(hard) - one.psnr(free) for one in noisy]) < -MOST_FALL


def test_a_place_that_is_restored_exactly_decides_nothing():
    """Black water, say: its PSNR is infinite before and after."""
    black = torch.zeros(1, 3, 96, 96)
    exact = Place("drawn", Passes(black, black), black[..., :24, :24], black, black)
    noisy = [drawn(index, noise_of_lr=0.02) for index in range(4)]
    free = Trust(guard=False)
    assert least_change([*noisy, exact], free)[0] != "hard"
    assert exact.psnr(free) == exact.psnr(Trust("hard", guard=False))


def test_intervals_are_of_results_as_they_are_made():
    """Models that sample are not guarded unless that is asked for, so their errors are those without the guard."""
    places = []
    for index in range(4):
        one = drawn(index)
        mixed = 0.5 * one.passes.image + 0.5 * drawn(index + 50).passes.image
        places.append(replace(one, passes=Passes(mixed, one.passes.alone)))
    guarded, free = calibrated(places), calibrated(places, guard=False)
    assert guarded["errors"] != free["errors"]
    assert free["errors"]["half_widths"][-1] > guarded["errors"]["half_widths"][-1]


def test_half_widths_are_quantiles_that_never_fall():
    draw = np.random.default_rng(0)
    predicted = np.sort(draw.normal(size=60_000))
    errors = np.exp(predicted)[:, None] * np.abs(draw.normal(size=(60_000, 2)))
    positions, widths = half_widths(predicted, errors)
    assert (np.diff(positions) > 0).all()
    assert (np.diff(widths) >= 0).all()
    # Of the absolute value of a normal number, 90 % are below 1.645.
    np.testing.assert_allclose(np.exp(widths - positions)[3:-3], 1.645, rtol=0.04)


def test_a_feature_that_is_the_same_everywhere_says_nothing():
    """These places have no reference, so nothing was brought by one; the model may meet one all the same."""
    slopes = dict(zip(FEATURES, calibrated([drawn(index) for index in range(4)])["errors"]["slopes"], strict=True))
    assert not any(slopes["brought by the reference"])
    assert any(slopes["contrast"])


def drawn_spread(index, samples=8):
    """Deviations over seeds of images that are as far from HR as from each other, and their errors."""
    draw = np.random.default_rng(index)
    size = np.exp(draw.uniform(-5, -2, (64, 64, 1)))
    hr, spread = draw.uniform(0.3, 0.7, (64, 64, 3)), Spread()
    for _ in range(samples):
        spread.add(hr + size * draw.normal(size=(64, 64, 3)))
    return spread.deviation, np.abs(spread.first - hr)


def test_intervals_by_the_spread_hold_on_other_places():
    pairs = [drawn_spread(index) for index in range(4)]
    fitted = [(log_deviation(deviation).ravel(), errors.reshape(-1, 3)) for deviation, errors in pairs]
    intervals = SpreadIntervals.of(CardTrust(spread=spread_model(fitted, 8)).spread)
    for index in range(10, 13):
        deviation, errors = drawn_spread(index)
        half = intervals.half_width(deviation)
        for part in (deviation < 0.02, deviation > 0.06):
            assert 0.87 < (errors <= half[:, :, None])[part].mean() < 0.93
        # In other units: 255 for 1.
        np.testing.assert_allclose(intervals.half_width(255 * deviation, 255), 255 * half, rtol=1e-4)


def test_too_few_places_are_refused():
    with pytest.raises(DataError, match="3 places are too few"):
        calibrated([drawn(index) for index in range(3)])


def test_a_card_of_other_features_is_refused():
    section = calibrated([drawn(index) for index in range(4)])["errors"]
    with pytest.raises(DataError, match="refsr calibrate"):
        ErrorModel.of({**section, "slopes": section["slopes"][:-1]})


def test_the_command_writes_a_model_that_says_how_sure_it_is(trained, tmp_path, capsys):
    output = tmp_path / "calibrated.safetensors"
    run = trained("train.niter=2").folder
    words = ["calibrate", str(run), "--dataset", "val", "-o", str(output), "--device", "cpu"]
    assert main(words) == 0
    assert "calibrated on" in capsys.readouterr().out
    network, card = read_model(output)
    assert card.trust["calibrated_on"].keys() == {"val"}
    before = read_model(model_file_at(run))[0].state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert main(words) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*words[:3], "nothing", *words[4:-4], "-o", str(tmp_path / "b.safetensors")]) == 2
    assert main([*words[:-4], "-o", str(tmp_path / "b.pth")]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err
