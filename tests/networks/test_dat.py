"""DAT under the contract of networks, and what it alone promises."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from network_contract import NetworkContract
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.registry import resolve
from refsr.networks.dat.attention import AdaptiveInteraction, ChannelAttention, NormalizedConv, SpatialWindowAttention
from refsr.networks.dat.network import DAT
from refsr.networks.dat.windows import PositionBias, WindowGrid, masked_attention, window_attention
from refsr.networks.descriptor import Descriptor

SMALL: dict[str, Any] = {"dim": 16, "groups": 2, "blocks": 2, "heads": 2, "split_size": (2, 4)}
BIASED: dict[str, Any] = {**SMALL, "dim": 64, "resi_connection": "1conv", "upsampler": "pixelshuffle"}
LARGE: dict[str, Any] = {"dim": 180, "groups": 6, "blocks": 6, "resi_connection": "1conv", "upsampler": "pixelshuffle"}


def with_statistics(network: nn.Module) -> nn.Module:
    """Running statistics other than 0 and 1, as training leaves them."""
    generator = torch.Generator().manual_seed(9)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1, generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    return network


class Restoring(NetworkContract):
    """Batch norm by running statistics, as it restores."""

    bounded = False

    def made(self, scale: int = 4, channels: int = 3, live: bool = False) -> tuple[Any, Descriptor]:
        network, descriptor = super().made(scale, channels, live)
        return with_statistics(network), descriptor


class TestLight(Restoring):
    scales = (2, 3, 4, 16)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return DAT(scale, channels, **SMALL).eval()


class TestWithPositionBias(Restoring):
    scales = (3,)
    bands = (3,)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return DAT(scale, channels, **BIASED).eval()


@pytest.mark.parametrize(
    ("options", "paper"),
    [
        ({}, 0.573),
        ({**LARGE, "split_size": (8, 16)}, 11.21),
        ({**LARGE, "expansion_factor": 4.0}, 14.80),
        (LARGE, 11.21),
    ],
    ids=["light", "S", "base", "2"],
)
def test_the_published_sizes(options, paper):
    """Ours leave out what has no effect: biases before batch norms, and constant position biases of the light one."""
    with torch.device("meta"):
        network = DAT(4, **options)
    dim, groups, blocks = options.get("dim", 60), options.get("groups", 1), options.get("blocks", 18)
    spatial, normalized = groups * blocks // 2, groups * blocks * (dim + dim // 8 + dim // 16)
    features, heads = dim // 32, 3
    position = 3 * features + 2 * (features**2 + features) + 6 * features + features * heads + heads
    left_out = normalized + spatial * 2 * (heads if features > 1 else position)
    found = sum(parameter.numel() for parameter in network.parameters()) + left_out
    assert found / 1e6 == pytest.approx(paper, abs=0.006 if paper > 1 else 0.0006)


def by_mask(qkv: Tensor, window: tuple[int, int], multiple: int, shifted: bool, bias: Tensor) -> Tensor:
    """The published way: pad, shift the image cyclically, mask pairs of pixels from opposite ends, shift back."""
    height, width = qkv.shape[1:3]
    padded = F.pad(qkv, (0,) * 6 + (0, -width % multiple, 0, -height % multiple))
    sizes, shifts = padded.shape[1:3], [side // 2 if shifted else 0 for side in window]
    regions = torch.zeros(sizes)
    if shifted:
        cuts = [(0, s - side, s - half, s) for s, side, half in zip(sizes, window, shifts, strict=True)]
        number = 0
        for top, bottom in itertools.pairwise(cuts[0]):
            for left, right in itertools.pairwise(cuts[1]):
                regions[top:bottom, left:right] = number
                number += 1
    shape = (sizes[0] // window[0], window[0], sizes[1] // window[1], window[1])
    numbers = regions.reshape(shape).transpose(1, 2).reshape(-1, window[0] * window[1])
    mask = torch.where(numbers[:, None] == numbers[:, :, None], 0.0, -100.0).double()
    rolled = padded.roll([-shift for shift in shifts], (1, 2))
    windows = rolled.unflatten(2, shape[2:]).unflatten(1, shape[:2]).transpose(2, 3).flatten(3, 4).flatten(1, 2)
    query, key, value = windows.permute(3, 0, 1, 4, 2, 5).unbind()
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    pixels = window[0] * window[1]
    weights = (scores + bias.reshape(-1, pixels, pixels) + mask[:, None]).softmax(-1)
    mixed = (weights @ value).transpose(2, 3).unflatten(2, window).unflatten(1, (shape[0], shape[2]))
    image = mixed.transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return image.roll(shifts, (1, 2))[:, :height, :width]


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("window", [(2, 8), (8, 2), (4, 4)])
def test_windows_without_a_mask_are_those_of_the_published_one(window, shifted):
    """At every size up to two paddings, 1 x 1 included."""
    torch.manual_seed(2)
    heads, multiple = 2, max(window)
    down, across = (torch.arange(side)[:, None] - torch.arange(side) for side in window)
    table = torch.randn(heads, 2 * window[0] - 1, 2 * window[1] - 1, dtype=torch.float64)
    bias = table[:, down[:, None, :, None], across[None, :, None, :]]
    grid = WindowGrid(*window, multiple=multiple, shifted=shifted)
    for height in (*range(1, 6), multiple, multiple + 1, 2 * multiple - 1, 2 * multiple):
        for width in (1, 3, multiple - 1, multiple, multiple + 3, 2 * multiple):
            qkv = torch.randn(2, height, width, 3, heads, 3, dtype=torch.float64)
            expected = by_mask(qkv, window, multiple, shifted, bias)
            torch.testing.assert_close(window_attention(qkv, grid, bias), expected, atol=1e-12, rtol=0)


def test_position_bias_is_of_the_offset():
    torch.manual_seed(2)
    module = PositionBias(2, 3, 4, 2)
    with torch.no_grad():
        found = module()
        for row, column, other, across in itertools.product(range(2), range(3), range(2), range(3)):
            hidden = module.first(torch.tensor([row - other, column - across]).float())
            for norm, layer in zip(module.norms, module.layers, strict=True):
                hidden = layer(norm(hidden).relu())
            torch.testing.assert_close(found[:, row, column, other, across], hidden, atol=1e-6, rtol=0)


def test_channel_attention_is_the_softmax_of_cosines():
    torch.manual_seed(1)
    layer = ChannelAttention(16, 2).double().eval()
    layer.interaction = AttendedOnly()
    with torch.no_grad():
        layer.temperature.copy_(torch.tensor([0.5, 3.0]).reshape(2, 1, 1))
        layer.qkv.weight.normal_()
        tokens = torch.randn(2, 3, 5, 16, dtype=torch.float64)
        query, key, value = layer.qkv(tokens).reshape(2, 15, 3, 2, 8).unbind(2)
        mixed = torch.empty_like(value)
        for head in range(2):
            for channel in range(8):
                one = query[:, :, head, channel, None]
                cosines = F.cosine_similarity(one, key[:, :, head], dim=1)
                weights = (cosines * layer.temperature[head]).softmax(-1)
                mixed[:, :, head, channel] = (weights[:, None] * value[:, :, head]).sum(-1)
        expected = layer.proj(mixed.reshape(2, 3, 5, 16))
        torch.testing.assert_close(layer(tokens), expected, atol=1e-12, rtol=0)


class AttendedOnly(nn.Module):
    def forward(self, attended: Tensor, value: Tensor) -> Tensor:
        return attended


@pytest.mark.parametrize("spatial", [True, False])
def test_each_branch_is_weighted_by_the_other(spatial):
    torch.manual_seed(1)
    module = with_statistics(AdaptiveInteraction(16, spatial).eval())
    attended, value = torch.randn(2, 2, 4, 6, 16).unbind()
    with torch.no_grad():
        attention = attended.permute(0, 3, 1, 2)
        convolved = F.gelu(module.conv.norm(module.conv.conv(value.permute(0, 3, 1, 2))))
        first, second = (convolved, attention) if spatial else (attention, convolved)
        by_channel = module.channel_interaction(F.adaptive_avg_pool2d(first, 1))
        by_pixel = module.spatial_interaction(second)
        assert by_channel.shape == (2, 16, 1, 1)
        assert by_pixel.shape == (2, 1, 4, 6)
        weights = (by_channel, by_pixel) if spatial else (by_pixel, by_channel)
        expected = attention * weights[0] + convolved * weights[1]
        torch.testing.assert_close(module(attended, value), expected.permute(0, 2, 3, 1), atol=1e-6, rtol=1e-5)


def test_running_statistics_are_folded_into_the_convolution():
    torch.manual_seed(1)
    layer = with_statistics(NormalizedConv(6, 6, 3, 6).eval())
    image = torch.randn(2, 6, 5, 7)
    with torch.no_grad():
        layer.norm.weight.normal_()
        layer.norm.bias.normal_()
        torch.testing.assert_close(layer(image), layer.norm(layer.conv(image)), atol=1e-6, rtol=1e-5)


def test_training_gathers_statistics_and_restoring_leaves_them():
    torch.manual_seed(1)
    network, image = DAT(2, **SMALL), torch.rand(2, 3, 8, 8)
    network(image).square().mean().backward()
    assert [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()] == []
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(layers) == 4 * 3
    assert all(int(layer.num_batches_tracked) == 1 and layer.running_mean.any() for layer in layers)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.eval()(image)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_batch_of_one_can_be_trained():
    """The channel maps then have one value a channel, of which no variance can be taken."""
    torch.manual_seed(1)
    network = DAT(2, **SMALL)
    network(torch.rand(1, 3, 8, 8)).square().mean().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


def test_shifts_alternate_from_group_to_group():
    network = DAT(2, dim=16, groups=2, blocks=6, heads=2, split_size=(2, 4))
    spatial = [layer for layer in network.modules() if isinstance(layer, SpatialWindowAttention)]
    assert [layer.grids[0].shifted for layer in spatial] == [False, True, False, True, False, True]


def test_no_size_leaves_a_trace():
    torch.manual_seed(1)
    network = DAT(2, **BIASED).eval()
    kept = set(network.state_dict())
    image = torch.rand(1, 3, 7, 5)
    with torch.no_grad():
        first = network(image)
        network(torch.rand(1, 3, 4, 12))
        assert torch.equal(network(image), first)
    assert set(network.state_dict()) == kept
    assert not any("index" in key or "offsets" in key or "mask" in key for key in kept)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"dim": 62}, "dim 62 is no multiple of heads 6; 60 would be"),
        ({"dim": 12}, "dim is 12, expected 16 or more"),
        ({"heads": 5}, "heads is 5, expected an even number"),
        ({"split_size": (8, 12)}, r"split_size is \[8, 12\], expected height and width"),
        ({"split_size": (1, 8)}, r"split_size is \[1, 8\]"),
        ({"split_size": (8,)}, r"split_size is \[8\]"),
        ({"scale": 0}, "scale is 0, expected 1 or more"),
        ({"expansion_factor": 1.05}, "expansion_factor 1.05 makes 63 features of dim 60, expected an even count"),
        ({"resi_connection": "2conv"}, "resi_connection '2conv' is not known; did you mean '3conv'"),
        ({"upsampler": "pixelshuffle", "scale": 5}, "scale 5 is no product of twos and threes; 4 or 6 would be"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        DAT(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "DAT") is DAT


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("window", [(4, 8), (8, 4)])
def test_graphs_attend_in_the_same_windows(window, shifted):
    """What is exported has masks in place of windows of many sizes."""
    grid = WindowGrid(*window, multiple=8, shifted=shifted)
    bias = 20 * PositionBias(*window, 4, 2)().detach()
    draw = torch.Generator().manual_seed(0)
    for size in ((3, 5), (8, 8), (9, 16), (17, 12), (24, 31)):
        qkv = torch.randn((2, *size, 3, 2, 5), generator=draw)
        for added in (bias, None):
            expected = window_attention(qkv, grid, added)
            torch.testing.assert_close(masked_attention(qkv, grid, added), expected, atol=1e-5, rtol=1e-4)
