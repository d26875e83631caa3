"""EDSR under the contract of networks, and what it alone promises."""

from __future__ import annotations

import pytest
import torch
from network_contract import NetworkContract
from torch import nn

from refsr.core.errors import UsageError
from refsr.core.registry import resolve
from refsr.networks.edsr import EDSR


class TestEDSR(NetworkContract):
    scales = (2, 3, 4, 8, 16)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return EDSR(scale, channels, nf=6, n_blocks=2, residual_scale=0.5)


@pytest.mark.parametrize(("scale", "millions"), [(2, 1.370), (3, 1.554), (4, 1.518)])
def test_the_published_size_of_the_baseline(scale, millions):
    with torch.device("meta"):
        network = EDSR(scale)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=6e-4)
    assert network.descriptor.halo == 36


def test_the_published_size_of_the_large_model():
    with torch.device("meta"):
        network = EDSR(4, nf=256, n_blocks=32, residual_scale=0.1)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(43.1, abs=0.05)


def test_a_mean_coloured_image_stays_so_without_biases():
    network = EDSR(2, nf=6, n_blocks=1)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    grey = torch.tensor([0.4488, 0.4371, 0.4040]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    torch.testing.assert_close(network(grey), grey[:, :, :1, :1].expand(1, 3, 8, 8))


def test_the_span_is_a_matter_of_numbers_inside():
    torch.manual_seed(1)
    wide, narrow = EDSR(2, nf=6, n_blocks=1), EDSR(2, nf=6, n_blocks=1, span=1)
    narrow.load_state_dict(wide.state_dict())
    with torch.no_grad():
        narrow.head.weight *= 255
        narrow.tail.to_image.weight /= 255
        narrow.tail.to_image.bias /= 255
    image = torch.rand(1, 3, 5, 4)
    assert torch.allclose(wide(image), narrow(image), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"scale": 5}, "EDSR: scale 5 is no product of twos and threes; 4 or 6 would be"),
        ({"scale": 0}, "scale 0 is no product"),
        ({"scale": -2}, "1 would be"),
        ({"nf": 0}, "nf is 0, expected 1 or more"),
        ({"n_blocks": -1}, "n_blocks is -1, expected 0"),
        ({"span": 0}, "span is 0, expected more than 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        EDSR(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "EDSR") is EDSR
