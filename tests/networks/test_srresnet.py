"""SRResNet under the contract of networks, and what it alone promises."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from network_contract import NetworkContract
from torch import nn

from refsr.core.errors import UsageError
from refsr.core.registry import resolve
from refsr.networks.descriptor import Descriptor
from refsr.networks.srresnet import SRResNet


class TestSRResNet(NetworkContract):
    """Batch normalisation by what it has gathered, as it restores."""

    scales = (2, 3, 4, 8, 16)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return SRResNet(scale, channels, nf=6, n_blocks=1).eval()

    def made(self, scale: int = 4, channels: int = 3, live: bool = False) -> tuple[Any, Descriptor]:
        network, descriptor = super().made(scale, channels, live)
        generator = torch.Generator().manual_seed(9)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                # Of training: other than 0 and 1.
                layer.running_mean.normal_(std=0.1, generator=generator)
                layer.running_var.uniform_(0.5, 2, generator=generator)
        return network, descriptor


class TestWithoutNormalisation(NetworkContract):
    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return SRResNet(scale, channels, nf=6, n_blocks=1, norm="none")


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_size():
    """1.547 M as usually quoted: no biases where a normalisation follows, which has its own; no statistics counted."""
    with torch.device("meta"):
        assert count(SRResNet()) == 1_547_350
        assert count(SRResNet(norm="none")) == 1_547_350 - 33 * 64
        assert SRResNet().descriptor.halo == 40


def test_training_gathers_statistics_and_restoring_leaves_them():
    torch.manual_seed(1)
    network, image = SRResNet(2, nf=6, n_blocks=1), torch.rand(2, 3, 8, 8)
    network(image).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(layers) == 3
    assert all(int(layer.num_batches_tracked) == 1 and layer.running_mean.any() for layer in layers)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.eval()(image)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"scale": 7}, "SRResNet: scale 7 is no product of twos and threes; 6 or 8 would be"),
        ({"nf": 0}, "nf is 0, expected 1 or more"),
        ({"norm": "bach"}, "norm 'bach' is not known; did you mean 'batch'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        SRResNet(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "SRResNet") is SRResNet
