"""Three by three convolutions with fewer multiplications against the plain ones, and a network that uses them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from refsr.networks.refdiff import fast_convolution
from refsr.networks.refdiff.fast_convolution import MIN_CHANNELS, fast_convolutions
from refsr.networks.refdiff.layers import SpatialFeatureTransform
from refsr.ops import winograd


@pytest.mark.parametrize("shape", [(2, 3, 7, 10), (1, 2, 1, 1), (1, 1, 4, 8), (2, 5, 13, 3)])
@pytest.mark.parametrize("working_set", [1, 1 << 21])
def test_it_is_the_convolution(monkeypatch, shape, working_set):
    monkeypatch.setattr(winograd, "WORKING_SET", working_set)
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64)
    kernel, bias = torch.randn(4, shape[1], 3, 3, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    for given in (bias, None):
        expected = F.conv2d(x, kernel, given, padding=1)
        assert torch.allclose(
            winograd.winograd_conv2d(x, winograd.transform_kernel(kernel), given), expected, atol=1e-12
        )


def test_rounding_in_float32():
    torch.manual_seed(0)
    x, kernel = torch.randn(1, 256, 16, 16), torch.randn(64, 256, 3, 3) / 48
    exact = F.conv2d(x.double(), kernel.double(), padding=1)
    found = winograd.winograd_conv2d(x, winograd.transform_kernel(kernel))
    assert float((found - exact).std() / exact.std()) < 2.5e-6


class Both(nn.Module):
    def __init__(self, wide: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, wide, 3, padding=1)
        self.inner = nn.Conv2d(wide, wide, 3, padding=1)
        self.halving = nn.Conv2d(wide, wide, 3, padding=1, stride=2)
        self.change = SpatialFeatureTransform(wide, 4, wide)

    def forward(self, x: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        found = self.halving(self.inner(self.first(x)))
        return self.change(found, self.change.condition_features(conditions, found.shape[-2], found.shape[-1]))


def test_a_network_is_the_same_inside_and_as_before_outside(monkeypatch):
    monkeypatch.setattr(fast_convolution, "MIN_PIXELS", 1)
    torch.manual_seed(0)
    network = Both(MIN_CHANNELS)
    marked = network.inner.forward
    network.inner.forward = lambda x: marked(x)  # noqa: PLW0108
    kept = network.inner.forward
    x, conditions = torch.randn(2, 3, 12, 12), torch.randn(2, 4, 24, 24)
    with torch.no_grad():
        expected = network(x, conditions)
        with fast_convolutions(network) as layers:
            # The inner one, and the transform's hidden, scale and shift.
            assert layers == 4
            found = network(x, conditions)
        assert torch.equal(network(x, conditions), expected)
    assert not torch.equal(found, expected)
    assert torch.allclose(found, expected, atol=1e-5)
    assert network.inner.forward is kept
    assert "forward" not in network.change.scale.__dict__
    with fast_convolutions(Both(MIN_CHANNELS // 2)) as layers:
        assert layers == 0
    with fast_convolutions(Both(MIN_CHANNELS).double()) as layers:
        assert layers == 0


def test_of_few_pixels_the_plain_convolution_is_faster():
    """The kernel of Winograd's way is transformed, but an image of 12 x 12 is convolved as before."""
    torch.manual_seed(0)
    network, x, conditions = Both(MIN_CHANNELS), torch.randn(1, 3, 12, 12), torch.randn(1, 4, 24, 24)
    with torch.no_grad():
        expected = network(x, conditions)
        with fast_convolutions(network) as layers:
            assert layers == 4
            assert torch.equal(network(x, conditions), expected)
