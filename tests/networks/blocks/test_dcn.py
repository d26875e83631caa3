"""Deformable layers: initial values, which feature moves the samples, and gradients to every parameter."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks import dcn as layers
from refsr.networks.blocks.dcn import DCNv2, DCNv3, DCNv3FromFeature
from refsr.ops import dcnv2


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stir(layer: nn.Module) -> None:
    """Fills every parameter, since most start at zero."""
    for at, parameter in enumerate(layer.parameters()):
        parameter.data = noise(*parameter.shape, seed=at) * 0.3


def test_dcnv2_starts_as_half_a_convolution() -> None:
    layer = DCNv2(8, 5, deformable_groups=4)
    x = noise(2, 8, 7, 9)
    half = 0.5 * F.conv2d(x, layer.weight, padding=1)
    torch.testing.assert_close(layer(x, noise(2, 8, 7, 9, seed=1)), half, atol=1e-5, rtol=0)
    assert layer.weight.abs().max() <= 1 / (8 * 9) ** 0.5
    assert layer.weight.std() > 0


def test_dcnv2_takes_offsets_first_then_the_mask() -> None:
    layer = DCNv2(4, 4, deformable_groups=2)
    stir(layer)
    x, feature = noise(1, 4, 6, 5), noise(1, 4, 6, 5, seed=1)
    both = layer.conv_offset_mask(feature)
    expected = dcnv2(x, both[:, :36], both[:, 36:].sigmoid(), layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x, feature), expected)
    # One pixel down for all points: the even channels of the offsets are y.
    layer.conv_offset_mask.weight.data.zero_()
    layer.conv_offset_mask.bias.data.zero_()
    layer.conv_offset_mask.bias.data[:36:2] = 1
    moved = F.pad(x, (0, 0, 0, 2))[:, :, 1:]
    down = 0.5 * F.conv2d(F.pad(moved, (1, 1, 0, 0)), layer.weight)
    found = (layer(x, feature) - layer.bias[:, None, None])[:, :, 1:]
    torch.testing.assert_close(found[:, :, : down.shape[2]], down[:, :, : found.shape[2]], atol=1e-4, rtol=0)


def test_dcnv2_warns_once_of_wild_offsets(caplog: pytest.LogCaptureFixture) -> None:
    layer = DCNv2(2, 2, deformable_groups=1)
    x = noise(1, 2, 4, 4)
    with caplog.at_level(logging.WARNING):
        layer.conv_offset_mask.bias.data[:18] = 100
        layer(x, x)
        assert not caplog.records
        layer.conv_offset_mask.bias.data[:18] = -101
        layer(x, x)
        layer(x, x)
    assert [record.getMessage() for record in caplog.records if "101 pixels" in record.getMessage()]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("remove", [False, True])
def test_dcnv3_starts_as_a_mean_of_projected_neighbours(scale: bool, remove: bool) -> None:
    layer = DCNv3(8, group=2, center_feature_scale=scale, remove_center=remove)
    x = noise(2, 5, 7, 8)
    values = layer.input_proj(x)
    planes = values.permute(0, 3, 1, 2)
    mean = F.avg_pool2d(planes, 3, 1, 1).permute(0, 2, 3, 1)
    if remove:
        mean = (mean * 9 - values) / 8
    # The centre's share starts at sigmoid(0).
    expected = layer.output_proj((mean + values) / 2 if scale else mean)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", [DCNv3, DCNv3FromFeature])
@pytest.mark.parametrize("scale", [False, True])
def test_dcnv3_backward_reaches_every_parameter(kind: type[DCNv3], scale: bool) -> None:
    layer = kind(8, group=4, center_feature_scale=scale)
    stir(layer)
    x = noise(2, 5, 7, 8)
    given = (x, noise(2, 5, 7, 8, seed=1)) if kind is DCNv3FromFeature else (x,)
    found = layer(*given)
    assert found.shape == x.shape
    found.square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_dcnv2_backward_reaches_every_parameter() -> None:
    layer = DCNv2(4, 3, deformable_groups=2)
    stir(layer)
    layer(noise(1, 4, 5, 5), noise(1, 4, 5, 5, seed=1)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in layer.parameters())


def test_only_the_second_feature_moves_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, ...]] = []
    operator = layers.dcnv3

    def watched(*given: Tensor) -> Tensor:
        seen.append(given[:3])
        return operator(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(layers, "dcnv3", watched)
    layer = DCNv3FromFeature(8, group=2)
    stir(layer)
    x, feature = noise(1, 5, 6, 8), noise(1, 5, 6, 8, seed=1)
    layer(x, feature)
    layer(x + noise(1, 5, 6, 8, seed=2), feature)
    layer(x, feature + noise(1, 5, 6, 8, seed=3))
    (values, offset, mask), first, second = seen
    assert torch.equal(offset, first[1])
    assert not torch.equal(values, first[0])
    assert not torch.equal(mask, first[2])
    assert not torch.equal(offset, second[1])
    assert torch.equal(values, second[0])
    assert torch.equal(mask, second[2])


def test_wrong_layers_and_features_are_refused() -> None:
    with pytest.raises(OperatorError, match="no multiple of 3 groups"):
        DCNv3(8, group=3)
    with pytest.raises(OperatorError, match="change the size"):
        DCNv3(8, group=2, stride=2)
    with pytest.raises(OperatorError, match="feature has shape"):
        DCNv3FromFeature(8, group=2)(noise(1, 5, 6, 8), noise(1, 5, 5, 8))
