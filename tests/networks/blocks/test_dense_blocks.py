"""GTEM, DRR, the dense branch and what bends them, against their definitions written out plainly."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks.alignment import DenseOffset, PyramidAlignment
from refsr.networks.blocks.dcn import AligningDCNv3, DCNv3FromFeature
from refsr.networks.blocks.drr import DenseRestoreResidual, init_as_transposed, leaky_selu_
from refsr.networks.blocks.gtem import GradientEnhancement, scrambled
from refsr.networks.blocks.receptive_field import ReceptiveField


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_faint_selu_is_a_leaky_relu_upon_a_selu():
    x = noise(4, 50).requires_grad_()
    expected = F.leaky_relu(F.selu(x), 0.01)
    torch.testing.assert_close(leaky_selu_(x + 0), expected)
    slope = torch.autograd.grad(leaky_selu_(x + 0).square().sum(), x)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.square().sum(), x))
    assert torch.autograd.gradcheck(lambda one: leaky_selu_(one * 1), (noise(7).requires_grad_(),))
    assert torch.autograd.gradgradcheck(lambda one: leaky_selu_(one * 1), (noise(7).requires_grad_(),))


def test_layers_start_as_transposed_convolutions_do():
    for before, after, side in ((64, 256, 3), (256, 64, 1), (64, 3, 3)):
        torch.manual_seed(1)
        ours = init_as_transposed(nn.Conv2d(before, after, side)).requires_grad_(False)
        theirs = nn.ConvTranspose2d(before, after, side).requires_grad_(False)
        assert float(ours.weight.abs().max()) == pytest.approx(float(theirs.weight.abs().max()), rel=0.02)
        assert float(ours.weight.std()) == pytest.approx(float(theirs.weight.std()), rel=0.1)
        assert float(ours.bias.abs().max()) <= 1 / math.sqrt(after * side * side)


def published_restore(module: DenseRestoreResidual, t: Tensor) -> Tensor:
    """DRR as it was published: three convolutions side by side, each with its own joined inputs."""

    def act(x: Tensor) -> Tensor:
        return F.leaky_relu(F.selu(x), 0.01)

    for _ in range(module.repeats):
        branches = [t, t, t]
        for _ in range(module.dense.rounds):
            seen = [act(look(one)) for look, one in zip(module.dense.conv3x3, branches, strict=True)]
            branches = [
                act(mix(torch.cat((*seen, one), dim=1)))
                for mix, one in zip(module.dense.conv1x1, branches, strict=True)
            ]
        t = t + act(module.dense.fuse(torch.cat(branches, dim=1)))
    return t


@pytest.mark.parametrize(("repeats", "rounds"), [(3, 3), (1, 2), (2, 1)])
def test_drr_is_what_was_published(repeats, rounds):
    torch.manual_seed(2)
    module = DenseRestoreResidual(5, repeats, rounds).double()
    x = noise(2, 5, 7, 9).requires_grad_()
    ours, theirs = module(x), published_restore(module, x)
    torch.testing.assert_close(ours, theirs)
    slopes = [torch.autograd.grad(one.square().sum(), [x, *module.parameters()]) for one in (ours, theirs)]
    torch.testing.assert_close(*slopes)


def kept(function, x: Tensor) -> int:
    """Bytes that a function keeps for its backward pass."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = function(x)
    assert result.requires_grad
    return sum(storages.values())


def test_drr_keeps_a_quarter_of_what_the_published_one_keeps():
    module = DenseRestoreResidual(8).double()
    x = noise(1, 8, 64, 64)
    assert kept(module, x) < 0.26 * kept(lambda one: published_restore(module, one), x)


def test_the_released_enlargement_fills_two_rows_from_each():
    """Pixel by pixel: four values each, in one stream, cut into rows twice as long."""
    x = noise(2, 8, 3, 5)
    expected = torch.empty(2, 2, 6, 10, dtype=torch.float64)
    for image in range(2):
        for channel in range(2):
            stream = [
                x[image, 4 * channel + which, row, column]
                for row in range(3)
                for column in range(5)
                for which in (0, 2, 1, 3)
            ]
            expected[image, channel] = torch.stack(stream).view(6, 10)
    assert torch.equal(scrambled(x), expected)
    assert torch.equal(scrambled(x)[0, 0, 0, :4], x[0, [0, 2, 1, 3], 0, 0])


@pytest.mark.parametrize("enlarge", ["released", "pixel_shuffle"])
@pytest.mark.parametrize("size", [(12, 4), (8, 4), (4, 12), (4, 4)])
def test_gtem_treats_any_image_of_a_batch_as_one_alone(enlarge, size):
    """The published code cuts rows otherwise, or fails, for batches of images higher than wide."""
    torch.manual_seed(3)
    module = GradientEnhancement(3, 4, 1, enlarge).double()
    maps = noise(3, 3, *size).abs()
    together = module(maps)
    assert together.shape == maps.shape
    torch.testing.assert_close(together, torch.cat([module(one[None]) for one in maps]))


def reach(module: GradientEnhancement, width: int) -> tuple[int, int]:
    """First and last column that a pixel in the middle rests on, counted from it."""
    maps = noise(1, 3, 4, width).abs().requires_grad_()
    (slope,) = torch.autograd.grad(module(maps)[0, :, 2, width // 2].sum(), maps)
    columns = slope.abs().sum((0, 1, 2)).nonzero().flatten() - width // 2
    return int(columns.min()), int(columns.max())


def test_how_far_gtem_sees():
    torch.manual_seed(5)
    module = GradientEnhancement(3, 2, 0, "pixel_shuffle").double()
    window = module.receptive_field(ReceptiveField(0, 0))
    assert reach(module, 512) == reach(module, 1024) == (window.first, window.last)
    scrambling = GradientEnhancement(3, 2, 0, "released").double()
    near, far = (max(map(abs, reach(scrambling, width))) for width in (512, 1024))
    # A quarter of the width and more, whatever the width: there is no halo.
    assert near > 512 // 4 > window.last
    assert far > 1024 // 4


def test_gtem_refuses_sides_that_it_cannot_halve_twice():
    with pytest.raises(OperatorError, match=r"shape \(1, 3, 8, 6\), its sides have to be multiples of 4"):
        GradientEnhancement(3, 2, 0)(torch.rand(1, 3, 8, 6))


def test_the_dense_branch_is_one_for_all_steps():
    torch.manual_seed(6)
    alignment = PyramidAlignment(4, 5, 3, lambda channels: AligningDCNv3(channels, group=2), dense=True).double()
    found = [module for module in alignment.modules() if isinstance(module, DenseOffset)]
    assert len(found) == 1
    seen: list[tuple[int, ...]] = []
    found[0].register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[2:])))
    ref, ref_down, lr_up = (
        [noise(1, 4, 16 >> level, 24 >> level, seed=10 * which + level) for level in range(3)] for which in range(3)
    )
    maps = alignment(ref, ref_down, lr_up)
    assert [tuple(one.shape) for one in maps] == [(1, 5, 16, 24), (1, 5, 8, 12), (1, 5, 4, 6)]
    assert seen == [(4, 6), (8, 12), (16, 24), (16, 24)]


def test_the_aligning_layer_is_rgtgans_on_channels_first():
    layer = AligningDCNv3(8, group=2).double()
    for at, parameter in enumerate(layer.parameters()):
        parameter.data = noise(*parameter.shape, seed=at) * 0.3
    x, feature = noise(2, 8, 5, 7), noise(2, 8, 5, 7, seed=1)
    last = DCNv3FromFeature.forward(layer, x.permute(0, 2, 3, 1), feature.permute(0, 2, 3, 1))
    assert torch.equal(layer(x, feature), last.permute(0, 3, 1, 2))
