"""Blocks between networks: sizes of oblong inputs, what they compute where that is plain, windows and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from refsr.networks.blocks.alignment import PyramidAlignment
from refsr.networks.blocks.dcn import DCNv2
from refsr.networks.blocks.encoders import ContentExtractor, Encoder
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.reference_transfer import RelevanceAttention, TextureTransfer
from refsr.networks.blocks.residual import ResidualChain


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stirred(layer: nn.Module) -> nn.Module:
    """Float64, and no parameter at zero, so that every path carries something."""
    for at, parameter in enumerate(layer.double().parameters()):
        parameter.data = noise(*parameter.shape, seed=at) * 0.2
    return layer


def reaches_all(layer: nn.Module, output: Tensor) -> None:
    layer.zero_grad()
    output.square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def touched(gradient: Tensor | None) -> tuple[int, int]:
    """First and last column of a gradient that is not zero."""
    assert gradient is not None
    columns = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
    return int(columns[0]), int(columns[-1])


def test_the_encoder_halves_with_odd_sides_rounded_up_and_sees_its_window() -> None:
    encoder = stirred(Encoder(3, 4, 3))
    image = noise(2, 3, 41, 102).requires_grad_()
    features = encoder(image)
    assert [tuple(one.shape[2:]) for one in features] == [(41, 102), (21, 51), (11, 26)]
    features[2][0, 0, 5, 13].backward()
    first, last = touched(image.grad)
    window = ReceptiveField(13, 13).conv(5, stride=2, times=2).conv(5, times=2)
    assert (first, last) == (window.first, window.last)
    reaches_all(encoder, torch.cat([one.flatten() for one in encoder(image)]))


def test_relevance_scales_and_shifts() -> None:
    layer = RelevanceAttention(4, 6, hidden=5)
    features, conditions = noise(2, 4, 5, 9).float(), noise(2, 6, 5, 9, seed=1).float()
    for last in (layer.scale, layer.shift):
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 2.0)
    expected = features * torch.tensor(2.0).sigmoid() + 2
    torch.testing.assert_close(layer(features, conditions), expected)
    reaches_all(stirred(layer), layer(features.double(), conditions.double()))


def test_residual_chains_and_content_keep_what_they_add_to() -> None:
    chain = ResidualChain(4, 3)
    x = noise(1, 4, 5, 8).float()
    for block in chain:
        nn.init.zeros_(block.second.weight)
        nn.init.zeros_(block.second.bias)
    assert torch.equal(chain(x), x)
    content = stirred(ContentExtractor(3, 4, 2))
    feature = content(noise(2, 3, 5, 8))
    assert feature.shape == (2, 4, 5, 8)
    reaches_all(content, feature)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_texture_grows_content_by_a_factor_of_two_a_level(levels: int) -> None:
    transfer = stirred(TextureTransfer(4, 3, 1, levels))
    maps = [noise(2, 4, 24 >> level, 32 >> level, seed=level) for level in range(levels)]
    residual = transfer(noise(2, 4, 24 >> levels - 1, 32 >> levels - 1), maps)
    assert residual.shape == (2, 3, 24, 32)
    reaches_all(transfer, residual)


def test_alignment_moves_ref_by_the_other_two() -> None:
    alignment = stirred(PyramidAlignment(4, 5, 3, lambda channels: DCNv2(channels, channels, deformable_groups=2)))
    ref, ref_down, lr_up = (
        [noise(1, 4, 16 >> level, 24 >> level, seed=10 * which + level) for level in range(3)] for which in range(3)
    )
    maps = alignment(ref, ref_down, lr_up)
    assert [tuple(one.shape) for one in maps] == [(1, 5, 16, 24), (1, 5, 8, 12), (1, 5, 4, 6)]
    reaches_all(alignment, torch.cat([one.flatten() for one in maps]))
    again = alignment(ref, [one + 1 for one in ref_down], lr_up)
    assert all(not torch.equal(one, other) for one, other in zip(maps, again, strict=True))
