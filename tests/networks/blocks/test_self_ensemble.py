"""The geometric self-ensemble treats an image and its mirror images alike."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from refsr.networks.blocks.self_ensemble import PASSES, VIEWS, self_ensemble


def one_sided(image: Tensor) -> Tensor:
    """Twice as large, and different for each mirror image."""
    larger = image.repeat_interleave(2, -2).repeat_interleave(2, -1)
    return larger + 0.3 * larger.roll(1, -1) + 0.5 * larger.roll(-2, -2)


@pytest.fixture
def image() -> Tensor:
    torch.manual_seed(3)
    return torch.rand(1, 2, 5, 7)


def test_the_views_differ_and_are_undone(image):
    seen = [view.of(image) for view in VIEWS]
    square = torch.rand(1, 1, 4, 4)
    assert len({tuple(view.of(square).flatten().tolist()) for view in VIEWS}) == len(VIEWS) == 8
    for view, one in zip(VIEWS, seen, strict=True):
        assert torch.equal(view.undone(one), image)


@pytest.mark.parametrize("passes", PASSES)
def test_the_mean_commutes_with_each_of_its_views(image, passes):
    for view in VIEWS[:passes]:
        mirrored = self_ensemble(one_sided, view.of(image), passes)
        torch.testing.assert_close(view.undone(mirrored), self_ensemble(one_sided, image, passes))


def test_one_pass_is_the_network_to_the_bit(image):
    assert torch.equal(self_ensemble(one_sided, image, 1), one_sided(image))


@pytest.mark.parametrize("passes", PASSES)
def test_so_many_passes_and_their_mean(image, passes):
    seen = []

    def network(one: Tensor) -> Tensor:
        seen.append(one)
        return one_sided(one)

    made = self_ensemble(network, image, passes)
    assert len(seen) == passes
    by_hand = torch.stack([view.undone(one_sided(view.of(image))) for view in VIEWS[:passes]]).mean(dim=0)
    torch.testing.assert_close(made, by_hand)
