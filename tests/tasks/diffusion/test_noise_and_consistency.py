"""One noise for a whole plane, and images that agree with LR."""

from __future__ import annotations

import pytest
import torch

from refsr.core.errors import DataError
from refsr.ops.resize import imresize_tensor
from refsr.tasks.diffusion.consistency import Consistency
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


@pytest.mark.parametrize(("scale", "kernel"), [(8, "bicubic"), (4, "box"), (3, "bicubic")])
def test_the_least_change_that_agrees_with_lr(scale, kernel):
    generator = torch.Generator().manual_seed(0)
    lr = torch.rand(2, 3, 5, 7, generator=generator)
    image = torch.rand(2, 3, 5 * scale, 7 * scale, generator=generator, dtype=torch.float64)
    consistent = Consistency(lr, *image.shape[-2:], kernel)
    found = consistent(image)
    again = imresize_tensor(found, size=(5, 7), kernel=kernel)
    assert torch.allclose(again, lr.double(), atol=1e-10)
    # Least: what the reduction does not see stays as it is.
    free = Consistency(torch.zeros_like(lr), *image.shape[-2:], kernel)(torch.rand_like(image))
    assert float(free.abs().max()) > 0.1
    assert float((free * (found - image)).mean()) == pytest.approx(0, abs=1e-12)
    assert torch.allclose(consistent(found), found, atol=1e-10)


def test_lr_may_not_be_larger():
    with pytest.raises(DataError, match="no reduction"):
        Consistency(torch.rand(1, 3, 9, 9), 8, 8)
