"""RGTNet in its readings under the contract of networks, and what it alone promises."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from network_contract import NetworkContract
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.errors import OperatorError, UsageError
from refsr.core.registry import resolve
from refsr.networks.blocks.dcn import AligningDCNv3
from refsr.networks.rgtnet import RGTNet

SMALL = {"nf": 6, "n_blocks": 1, "nf_grad": 2, "deformable_groups": 2, "gtem_blocks": 0}


class ReleasedContract(NetworkContract):
    scales = (2, 4, 8)
    reading: ClassVar[dict[str, str]] = {}

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return RGTNet(scale, channels, **SMALL, **self.reading)

    def freeze_sampling(self, network: nn.Module) -> None:
        """Samples move, by less than a pixel and inward, so that moves count and reach nowhere new."""
        for layer in network.modules():
            if isinstance(layer, AligningDCNv3):
                inward = torch.tensor([[0.25 * (1 - x), 0.25 * (1 - y)] for x in range(3) for y in range(3)])
                with torch.no_grad():
                    layer.offset.weight.mul_(1e-3)
                    layer.offset.bias.copy_(inward.flatten().repeat(layer.group))


class TestReleased(ReleasedContract):
    bounded = False


class TestMeant(ReleasedContract):
    """Both readings other than the released one."""

    reading: ClassVar[dict[str, str]] = {"offsets": "dense", "gtem_upsample": "pixel_shuffle"}
    halo_bound = 96


class ReleasedOffsets(ReleasedContract):
    """Not collected: only what differs from the classes above is tested."""

    reading: ClassVar[dict[str, str]] = {"gtem_upsample": "pixel_shuffle"}
    halo_bound = 96


def test_the_halo_with_released_offsets():
    ReleasedOffsets().test_the_halo_is_how_far_a_pixel_sees()


@pytest.mark.parametrize(
    ("reading", "parameters", "cost"),
    [({}, 10_681_350, 438.3), ({"offsets": "dense"}, 10_578_550, 526.8)],
    ids=["released", "dense"],
)
def test_size_and_cost_of_a_published_crop_are_all_of_use(reading, parameters, cost):
    """Thousands of millions of multiply-accumulates at 64 x 64, sampling counted as five for each value."""
    sampled = []
    with FakeTensorMode(), torch.no_grad():
        network, low = RGTNet(**reading), torch.empty(1, 3, 64, 64)
        large = torch.empty(1, 3, 256, 256)
        for layer in network.modules():
            if isinstance(layer, AligningDCNv3):
                layer.register_forward_hook(lambda layer, inputs, output: sampled.append(5 * 9 * output.numel()))
        with FlopCounterMode(display=False) as counter:
            network(low, large, large, large)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    flops = counter.get_flop_counts()["Global"]
    assert set(map(str, flops)) <= {"aten.convolution", "aten.addmm", "aten.mm", "aten.bmm", "aten.baddbmm"}
    assert len(sampled) == 4
    # What torch's own reference samples with, where the counter sees it, is counted above.
    products = sum(count for name, count in flops.items() if "bmm" not in str(name)) // 2
    assert (products + sum(sampled)) / 1e9 == pytest.approx(cost, abs=0.3)


def test_three_images_pass_gtem_and_the_encoders_together():
    network = RGTNet(**SMALL)
    seen: list[int] = []
    for part in (network.enhance, network.encoder, network.gradient_encoder):
        part.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    large = torch.rand(2, 3, 8, 12)
    network(torch.rand(2, 3, 2, 3), large, large, large)
    assert sorted(seen) == [6, 6, 6]


def test_without_a_residual_it_is_the_enlarged_image_as_given():
    network = RGTNet(**SMALL)
    for parameter in network.texture.to_image.parameters():
        nn.init.zeros_(parameter)
    low, lr_up, ref, ref_down = torch.rand(1, 3, 3, 2), *torch.rand(3, 1, 3, 12, 8)
    assert torch.equal(network(low, lr_up, ref, ref_down), lr_up)


def test_halos_of_the_published_widths():
    assert RGTNet().descriptor.halo is None
    assert RGTNet(offsets="dense").descriptor.halo is None
    assert RGTNet(gtem_upsample="pixel_shuffle").descriptor.halo == 142
    assert RGTNet(offsets="dense", gtem_upsample="pixel_shuffle").descriptor.halo == 145


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_sides_are_multiples_of_what_the_descriptor_says(scale):
    network = RGTNet(scale, **SMALL)
    assert network.descriptor.multiple == max(1, 4 // scale)
    large = torch.rand(3, 1, 3, 4 * scale, scale)
    if scale == 2:
        with pytest.raises(OperatorError, match=r"GTEM: a gradient map has shape \(3, 3, 8, 2\).* multiples of 4"):
            network(torch.rand(1, 3, 4, 1), *large)
    else:
        assert network(torch.rand(1, 3, 4, 1), *large).shape == large[0].shape


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"scale": 3}, "RGTNet: scale 3 is no power of two from 2 on; 2 or 4 would be"),
        ({"nf": 24}, r"deformable_groups 8 does not divide nf \+ nf_grad = 24 \+ 6 = 30; 6 does"),
        ({"gtem_blocks": -1}, "gtem_blocks is -1, expected 0 or more"),
        ({"offsets": "dens"}, "offsets 'dens' is not known; did you mean 'dense'"),
        ({"gtem_upsample": "pixelshuffle"}, "gtem_upsample 'pixelshuffle' is not known; did you mean 'pixel_shuffle'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        RGTNet(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "RGTNet_arch") is RGTNet
