"""One noise for a whole plane."""

from __future__ import annotations

import pytest
import torch

from refsr.tasks.diffusion.noise_field import NoiseField


def test_every_window_shows_the_same_plane():
    field = NoiseField(7, 3)
    whole = field.window("start", 0, 0, 150, 200)
    for top, left, height, width in ((0, 0, 64, 64), (30, 50, 100, 150), (63, 127, 2, 2), (149, 199, 1, 1)):
        part = field.window("start", top, left, height, width)
        assert torch.equal(part, whole[:, top : top + height, left : left + width])


def test_seeds_steps_channels_and_places_have_noise_of_their_own():
    one = NoiseField(7, 3).window(0, 0, 0, 128, 128)
    others = [
        NoiseField(8, 3).window(0, 0, 0, 128, 128),
        NoiseField(7, 3).window(1, 0, 0, 128, 128),
        NoiseField(7, 3).window(0, 64, 0, 128, 128),
        one.roll(1, 0),
        one.roll(64, 1),
        one.roll(64, 2),
    ]
    for other in others:
        assert abs(float((one * other).mean())) < 0.03
    assert float(one.mean()) == pytest.approx(0, abs=0.02)
    assert float(one.std()) == pytest.approx(1, abs=0.02)
