"""SwinIR under the contract of networks, and what it alone promises."""

from __future__ import annotations

import math

import pytest
import torch
from network_contract import NetworkContract
from torch import nn

from refsr.core.errors import UsageError
from refsr.core.registry import resolve
from refsr.networks.swinir import SwinIR, WindowAttention, relative_position_index, shifted_window_mask

SMALL = {"dim": 8, "groups": 1, "layers": 2, "heads": 2, "window": 4}


class TestLight(NetworkContract):
    scales = (2, 3, 4, 16)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return SwinIR(scale, channels, **SMALL)


class TestClassical(NetworkContract):
    scales = (3,)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return SwinIR(scale, channels, **SMALL, upsampler="pixelshuffle")


@pytest.mark.parametrize(("scale", "parameters", "paper"), [(2, 910_152, 878), (3, 918_267, 886), (4, 929_628, 897)])
def test_size_of_the_light_one(scale, parameters, paper):
    """As the released network counts; the paper's tables say 32 thousand fewer at every scale."""
    with torch.device("meta"):
        network = SwinIR(scale)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert parameters / 1000 - paper == pytest.approx(32.4, abs=0.6)


def test_the_published_size_of_the_classical_one():
    with torch.device("meta"):
        network = SwinIR(4, dim=180, groups=6, layers=6, upsampler="pixelshuffle")
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(11.9, abs=0.05)


@pytest.mark.parametrize("shift", [0, 2])
def test_attention_pixel_by_pixel(shift):
    """Against softmax over the pixels that lie in the same window of a grid moved by the shift."""
    torch.manual_seed(1)
    side, heads, depth, height, width = 4, 2, 3, 8, 12
    layer = WindowAttention(heads * depth, heads, side, shift).double()
    tokens = torch.randn(2, height, width, heads * depth, dtype=torch.float64)
    with torch.no_grad():
        layer.qkv.weight.normal_()
        layer.relative_position_bias.normal_()
        found = layer(tokens, shifted_window_mask(height, width, side, shift, tokens.device))
        query, key, value = layer.qkv(tokens).unflatten(-1, (3, heads, depth)).unbind(3)
        mixed = torch.empty_like(query)
        pixels = [(row, column) for row in range(height) for column in range(width)]
        for row, column in pixels:
            near = [
                (other, across)
                for other, across in pixels
                if (other - shift) // side == (row - shift) // side
                and (across - shift) // side == (column - shift) // side
            ]
            places = [(row - r + side - 1) * (2 * side - 1) + column - c + side - 1 for r, c in near]
            keys = torch.stack([key[:, r, c] for r, c in near], dim=1)
            values = torch.stack([value[:, r, c] for r, c in near], dim=1)
            logits = torch.einsum("bhd,bnhd->bhn", query[:, row, column], keys) / math.sqrt(depth)
            weights = (logits + layer.relative_position_bias[places].T).softmax(-1)
            mixed[:, row, column] = torch.einsum("bhn,bnhd->bhd", weights, values)
        expected = layer.proj(mixed.flatten(-2))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_relative_position_index_are_all_used():
    places = relative_position_index(3)
    assert sorted(set(places.flatten().tolist())) == list(range(25))
    assert places.diagonal().unique().tolist() == [12]


def test_no_size_leaves_a_trace():
    network = SwinIR(2, **SMALL)
    kept = set(network.state_dict())
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        first = network(image)
        network(torch.rand(1, 3, 4, 12))
        assert torch.equal(network(image), first)
    assert set(network.state_dict()) == kept
    assert not any("places" in key or "mean" in key for key in kept)


def test_a_tile_with_its_halo_is_the_same_as_the_whole():
    torch.manual_seed(1)
    network = SwinIR(2, **SMALL).double()
    halo, side = network.descriptor.halo, network.window
    assert halo is not None
    reach = -(-halo // side) * side
    image = torch.rand(1, 3, 4, 4 * reach, dtype=torch.float64)
    with torch.no_grad():
        whole = network(image)
        tile = network(image[..., reach - side : 3 * reach + side])
    found = tile[..., 2 * (reach + side) : 2 * (reach + 2 * side)]
    assert torch.allclose(found, whole[..., 4 * reach : 4 * reach + 2 * side], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"dim": 62}, "dim 62 is no multiple of heads 6; 60 would be"),
        ({"window": 7}, "window is 7, expected an even number"),
        ({"scale": 0}, "scale is 0, expected 1 or more"),
        ({"mlp_ratio": 0.0}, "mlp_ratio is 0.0, expected"),
        ({"upsampler": "pixelshufle"}, "upsampler 'pixelshufle' is not known; did you mean 'pixelshuffle'"),
        ({"upsampler": "pixelshuffle", "scale": 5}, "scale 5 is no product of twos and threes; 4 or 6 would be"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        SwinIR(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "SwinIR") is SwinIR
