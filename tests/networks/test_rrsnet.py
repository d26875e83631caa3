"""RRSNet under the contract of networks, and what it alone promises."""

from __future__ import annotations

import pytest
import torch
from network_contract import NetworkContract
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.errors import UsageError
from refsr.core.registry import resolve
from refsr.networks.blocks.dcn import DCNv2
from refsr.networks.rrsnet import RRSNet


class TestRRSNet(NetworkContract):
    scales = (2, 4, 8)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return RRSNet(scale, channels, nf=12, n_blocks=1, nf_grad=4, deformable_groups=2)

    def freeze_sampling(self, network: nn.Module) -> None:
        for layer in network.modules():
            if isinstance(layer, DCNv2):
                with torch.no_grad():
                    layer.conv_offset_mask.weight[: layer.offsets] = 0
                    layer.conv_offset_mask.bias[: layer.offsets] = 0


def test_the_published_size():
    network = RRSNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 7_984_899
    assert network.descriptor.halo == 97


def test_the_cost_of_a_published_crop_is_all_of_use():
    """235.5 G multiply-accumulates at 64 x 64, sampling counted as five for each value."""
    with torch.device("meta"):
        network, low = RRSNet(), torch.empty(1, 3, 64, 64)
        large = torch.empty(1, 3, 256, 256)
    counted = {"sampling": 0, "products": 0}

    def sample(layer: DCNv2, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        pixels, points = output[0, 0].numel(), layer.weight[0, 0].numel()
        counted["sampling"] += 5 * pixels * points * layer.weight.shape[1]
        # The operator itself, which the counter does not know on this device.
        counted["products"] += pixels * layer.weight.numel()

    for layer in network.modules():
        if isinstance(layer, DCNv2):
            layer.register_forward_hook(sample)
            layer.warn_above = None
    with FlopCounterMode(display=False) as counter:
        network(low, large, large, large)
    flops = counter.get_flop_counts()["Global"]
    convolutions = sum(count for name, count in flops.items() if "convolution" in str(name))
    assert set(map(str, flops)) <= {"aten.convolution", "aten.bmm"}
    products = convolutions // 2 + counted["products"]
    assert (products + counted["sampling"]) / 1e9 == pytest.approx(235.5, abs=0.1)


def test_three_images_pass_the_encoders_together():
    network = RRSNet(nf=8, n_blocks=0, nf_grad=4, deformable_groups=2)
    seen: list[int] = []
    for encoder in (network.encoder, network.gradient_encoder):
        encoder.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    large = torch.rand(2, 3, 8, 8)
    network(torch.rand(2, 3, 2, 2), large, large, large)
    assert seen == [6, 6]


def test_without_a_residual_it_is_a_bilinear_enlargement():
    network = RRSNet(nf=8, n_blocks=0, nf_grad=4, deformable_groups=2)
    for parameter in network.texture.to_image.parameters():
        nn.init.zeros_(parameter)
    low, large = torch.rand(1, 3, 3, 2), torch.rand(1, 3, 12, 8)
    expected = nn.functional.interpolate(low, scale_factor=4, mode="bilinear")
    assert torch.equal(network(low, large, large, large), expected)


def test_a_tile_with_its_halo_is_the_same_as_the_whole():
    torch.manual_seed(1)
    network = RRSNet(nf=8, n_blocks=0, nf_grad=4, deformable_groups=2).double()
    halo = network.descriptor.halo
    assert halo is not None
    side = 2 * halo + 3
    low, large = torch.rand(1, 3, 2, side).double(), torch.rand(3, 1, 3, 8, 4 * side).double()
    with torch.no_grad():
        whole = network(low, *large)
        tile = network(low[..., 1 : 2 * halo + 2], *large[..., 4 : 4 * (2 * halo + 2)])
    middle = tile[..., 4 * halo : 4 * (halo + 1)]
    assert torch.allclose(middle, whole[..., 4 * (halo + 1) : 4 * (halo + 2)], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"scale": 3}, "scale 3 is no power of two from 2 on; 2 or 4 would be"),
        ({"scale": 0}, "scale 0 is no power of two"),
        ({"scale": -4}, "scale -4 is no power of two"),
        ({"scale": 1}, "2 or 4 would be"),
        ({"nf": 0}, "nf is 0, expected 1 or more"),
        ({"nf_grad": 0}, "nf_grad is 0"),
        ({"n_blocks": -1}, "n_blocks is -1"),
        ({"nf": 24}, r"deformable_groups 8 does not divide nf \+ nf_grad = 24 \+ 6 = 30; 6 does"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        RRSNet(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "RRSNet_arch") is RRSNet
