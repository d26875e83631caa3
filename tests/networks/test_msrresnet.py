"""MSRResNet under the contract of networks, and what it alone promises."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from network_contract import NetworkContract
from torch import nn

from refsr.core.errors import UsageError
from refsr.networks.msrresnet import MSRResNet


class TestMSRResNet(NetworkContract):
    scales = (2, 3, 4)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return MSRResNet(scale, channels, nf=6, n_blocks=1)


def test_the_released_size():
    """As BasicSR counts it when it begins a run."""
    with torch.device("meta"):
        network = MSRResNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_517_571
    assert network.descriptor.halo == 35


def test_it_begins_with_the_bilinear_enlargement():
    network = MSRResNet(3, nf=4, n_blocks=1)
    nn.init.zeros_(network.to_image.weight)
    nn.init.zeros_(network.to_image.bias)
    image = torch.rand(1, 3, 5, 4)
    expected = F.interpolate(image, size=(15, 12), mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize(
    ("options", "answer"), [({"scale": 5}, "4 or 6 would be"), ({"nf": 0}, "nf is 0"), ({"n_blocks": -1}, "n_blocks")]
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        MSRResNet(**options)
