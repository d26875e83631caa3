"""RefDiff under the contract of networks, and what it alone promises: prepared conditions, size, cost, other builds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from network_contract import NetworkContract
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.errors import OperatorError, UsageError
from refsr.networks.refdiff.layers import ResampledConv
from refsr.networks.refdiff.network import RefDiff, upsample_lr
from refsr.networks.refdiff.unet import NEAR_ZERO

SMALL: dict[str, Any] = {"model_channels": 8, "channel_mult": [1, 2, 2], "num_blocks": 1, "dropout": 0.0}


def awake(network: nn.Module) -> nn.Module:
    """As if it had learnt: what starts at next to nothing counts."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1 and parameter.abs().max() < 10 * NEAR_ZERO:
                parameter.mul_(0.3 / NEAR_ZERO)
    return network


class TestRefDiff(NetworkContract):
    scales = (1, 2, 8)
    bounded = False

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return awake(RefDiff(scale, channels, **{**SMALL, "channel_mult": [1, 2], "num_blocks": 0}))


class OtherChoices(NetworkContract):
    """Not collected: what differs from the class above is tested below."""

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        other = {"embedding_type": "fourier", "channel_mult_noise": 2, "resample_filter": [1, 3, 3, 1]}
        return awake(RefDiff(scale, channels, **SMALL, **other, encoder_type="skip", decoder_type="skip"))


def test_other_choices_keep_the_contract_too():
    contract = OtherChoices()
    contract.test_every_parameter_gets_a_gradient_and_every_input_counts()
    contract.test_the_batch_does_not_matter()
    contract.test_saving_and_loading()


def inputs(scale: int = 4, batch: int = 1, side: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, side, side), (3, side * scale, side * scale), (1, side * scale, side * scale)]
    return [torch.rand(batch, *shape, generator=generator) * 2 - 1 for shape in shapes]


@pytest.mark.parametrize("encoder", ["standard", "residual", "skip"])
def test_prepared_conditions_give_the_same_at_every_level(encoder):
    torch.manual_seed(0)
    network = awake(RefDiff(4, **SMALL, encoder_type=encoder)).double().eval()
    given = [one.double() for one in inputs(batch=2)]
    with torch.no_grad():
        prepared = network.prepare(*given)
        assert prepared.features
        for level in (0.002, 0.7, 80.0):
            noisy = given[1] + level * torch.randn(2, 3, 16, 16, dtype=torch.float64)
            expected = network(noisy, torch.full((2,), level, dtype=torch.float64), *given)
            assert torch.allclose(network.denoise(noisy, level, prepared), expected, atol=1e-12)


def test_a_step_does_not_look_at_conditions_again():
    network = RefDiff(4, **SMALL).eval()
    given = inputs()
    with torch.no_grad():
        prepared = network.prepare(*given)
        with FlopCounterMode(display=False) as alone:
            network.denoise(given[1], 1.0, prepared)
        with FlopCounterMode(display=False) as whole:
            network(given[1], torch.ones(1), *given)
        with FlopCounterMode(display=False) as once:
            network.prepare(*given)
    assert alone.get_total_flops() + once.get_total_flops() == whole.get_total_flops()
    assert once.get_total_flops() > 0.02 * whole.get_total_flops()


def test_images_may_be_counted_from_the_enlarged_lr():
    """The same network, moved: what it gives for an image is what the published form gives for the difference."""
    torch.manual_seed(0)
    other = RefDiff(4, **SMALL, global_skip="upsampled", transform_channels=12).double().eval()
    network = RefDiff(4, **SMALL, transform_channels=12).double().eval()
    awake(network)
    other.load_state_dict(network.state_dict())
    lr, ref, mask = (one.double() for one in inputs())
    noisy = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        prepared = network.prepare(lr, ref, mask)
        base = prepared.conditions.lr_up
        for level in (0.1, 30.0):
            expected = network.denoise(noisy, level, prepared) + base
            assert torch.allclose(other.denoise(noisy + base, level, prepared), expected, atol=1e-12)
    fresh = RefDiff(4, **SMALL, global_skip="upsampled").eval()
    with torch.no_grad():
        still = fresh(base.float() + 80 * noisy.float(), torch.full((1,), 80.0), *inputs())
    assert torch.allclose(still, base.float(), atol=0.05)


def test_size_and_cost_as_published():
    """Millions of parameters and thousands of millions of multiply-accumulates, less what doubling first would add."""
    with FakeTensorMode(), torch.no_grad():
        network = RefDiff(1)
        large = torch.empty(1, 3, 256, 256)
        with FlopCounterMode(display=False) as counter:
            network(large, torch.ones(1), large, large, large[:, :1])
    assert sum(one.numel() for one in network.parameters()) == 116_740_739
    assert sum(
        one.numel() for name, one in network.named_parameters() if ".structure." in name or ".texture." in name
    ) == (62_318_336)
    repeated = 0
    for level in (0, 1):
        side = 256 >> level
        # A three by three convolution after doubling, and a one by one.
        repeated += 256 * 256 * side * side * (9 - 4) + 256 * 256 * side * side * 3 // 4
    assert counter.get_total_flops() / 2 + repeated == pytest.approx(2965e9, rel=1e-3)


def test_doubling_inside_a_convolution_is_doubling_before_it():
    torch.manual_seed(0)
    layer = ResampledConv(5, 4, 3, "up").double()
    assert layer.conv is not None
    x = torch.randn(2, 5, 6, 3, dtype=torch.float64)
    with torch.no_grad():
        expected = layer.conv(x.repeat_interleave(2, -1).repeat_interleave(2, -2))
        assert torch.allclose(layer(x), expected, atol=1e-13)


def test_half_a_grey_level_is_cut_off_as_in_published_training():
    levels = torch.tensor([[[[10.0, 20.0], [13.0, 250.0]]]])
    for how, inner in (("bilinear", 12.5), ("truncated", 12.0)):
        wide = (upsample_lr(levels / 127.5 - 1, 4, 4, how) + 1) * 127.5
        assert float(wide[0, 0, 0, 1]) == pytest.approx(inner, abs=2e-3)
        assert float(wide[0, 0, 0, 0]) == pytest.approx(10, abs=2e-3)
    assert torch.equal(upsample_lr(levels, 4, 4, "nearest"), levels.repeat_interleave(2, -1).repeat_interleave(2, -2))


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"lr_upsample": "bicubic"}, "lr_upsample 'bicubic' is not known"),
        ({"global_skip": "upsample"}, "did you mean 'upsampled'"),
        ({"transform_channels": 0}, "transform_channels is 0, expected 1 or more"),
        ({"encoder_type": "residul"}, "did you mean 'residual'"),
        ({"embedding_type": "sine"}, "positional, fourier"),
        ({"model_channels": 7}, "even number"),
        ({"model_channels": 70}, "whole number of groups"),
        ({"channel_mult": []}, "channel_mult"),
        ({"resample_filter": [1, 2, 1]}, "even number of taps"),
    ],
)
def test_mistakes_are_named(keywords, words):
    with pytest.raises(UsageError, match=words):
        RefDiff(8, **{**SMALL, **keywords})


def test_sizes_that_do_not_halve_are_named():
    network = RefDiff(1, **SMALL)
    with pytest.raises(OperatorError, match="6 and 6 must be multiples of 4"):
        network(*[torch.rand(1, 3, 6, 6), torch.ones(1)], *inputs(1, side=6))
