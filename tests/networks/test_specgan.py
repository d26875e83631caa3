"""SpecGAN, StyleGAN2 and its discriminator: the contract of networks, published sizes and costs, what each refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from network_contract import NetworkContract
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.errors import OperatorError, UsageError
from refsr.networks.specgan.network import SpecGAN
from refsr.networks.stylegan2 import StyleGAN2
from refsr.networks.stylegan2_discriminator import StyleGAN2Discriminator

SMALL: dict[str, Any] = {
    "side": 8,
    "style_channels": 6,
    "latent_channels": 6,
    "nf": 5,
    "n_blocks": 1,
    "n_layers": 2,
    "growth": 3,
    "attention": 3,
}


class TestReleased(NetworkContract):
    scales = (2, 8)
    bounded = False

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return SpecGAN(scale, channels, 7, **SMALL)


class StyleGAN2Way(NetworkContract):
    """Not collected: only what differs from the class above is tested."""

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return SpecGAN(scale, channels, 7, **{**SMALL, "side": 4}, upsample="stylegan2", noise="none")


def test_the_other_choices_keep_the_contract_too():
    contract = StyleGAN2Way()
    contract.test_every_parameter_gets_a_gradient_and_every_input_counts()
    contract.test_any_multiple_will_do((1, 1))
    contract.test_saving_and_loading()


@pytest.mark.parametrize("input_range", ["full", "released"])
def test_with_the_upsampled_lr_as_global_skip_it_begins_there(input_range):
    network = SpecGAN(4, 3, 7, **SMALL, global_skip="upsampled", input_range=input_range)
    low, high = network.input_range
    flat = torch.tensor([-0.5, 0.0, 0.9])[:, None, None].expand(1, 3, 8, 8)
    image, spectra = network(flat * high, torch.rand(1, 7, 8, 8)), torch.rand(2, 7, 8, 8)
    assert low == -high
    assert torch.allclose(image, flat[..., :1, :1].expand(1, 3, 32, 32), atol=1e-6)
    nn.init.ones_(network.output_fusion.conv_last.weight)
    images = network(flat.expand(2, 3, 8, 8), spectra)
    assert not torch.allclose(images[0], images[1])


def test_kaiming_lets_the_inputs_through_where_the_released_beginning_does_not():
    """By what images of other inputs differ, as a part of what pixels of one image do."""
    told = {}
    for init in ("released", "kaiming"):
        torch.manual_seed(0)
        network = SpecGAN(8, 3, 7, **SMALL, init=init)
        images = network(torch.rand(4, 3, 8, 8) * 2 - 1, torch.rand(4, 7, 8, 8) * 2 - 1).detach()
        told[init] = float((images - images.mean(0)).std() / images.std())
    assert told["released"] < 0.1
    assert told["kaiming"] > 0.3


@pytest.mark.parametrize("bands", [30, 48, 224])
def test_cubes_of_any_number_of_bands_cost_one_layer_more_each(bands):
    network = SpecGAN(4, 3, bands, **SMALL)
    assert network(torch.rand(1, 3, 8, 8), torch.rand(1, bands, 8, 8)).shape == (1, 3, 32, 32)
    assert network.descriptor.hsi_bands == bands
    sizes = [sum(one.numel() for one in SpecGAN(4, 3, count, **SMALL).parameters()) for count in (bands, bands + 1)]
    assert sizes[1] - sizes[0] == 9 * SMALL["nf"]


@pytest.mark.parametrize(
    ("scale", "side", "upsample", "parameters", "cost"),
    [
        (16, 16, "released", 203_110_298, 201.7),
        (32, 8, "stylegan2", 203_096_390, 149.7),
    ],
)
def test_size_and_cost_as_published_but_for_what_was_idle(scale, side, upsample, parameters, cost):
    """The release has 2,101,376 parameters more: a mapping network that it never runs, and biases that do nothing."""
    with FakeTensorMode(), FlopCounterMode(display=False) as counter:
        network = SpecGAN(scale, side=side, upsample=upsample).requires_grad_(False)
        assert network(torch.empty(1, 3, side, side), torch.empty(1, 48, side, side)).shape == (1, 3, 256, 256)
    assert sum(one.numel() for one in network.parameters()) == parameters
    assert counter.get_total_flops() / 2e9 == pytest.approx(cost, abs=0.06)


def test_other_sizes_are_refused_at_the_door():
    network = SpecGAN(4, 3, 7, **SMALL)
    with pytest.raises(OperatorError, match=r"LR of 3 x 8 x 9, it takes 3 x 8 x 8"):
        network(torch.rand(1, 3, 8, 9), torch.rand(1, 7, 8, 9))
    with pytest.raises(OperatorError, match=r"spectra of 6 x 8 x 8, it takes 7 x 8 x 8"):
        network(torch.rand(1, 3, 8, 8), torch.rand(1, 6, 8, 8))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ({"side": 12}, "side is 12, expected a power of two from 4 on, such as 16"),
        ({"scale": 3}, "scale is 3, expected a power of two from 2 on, such as 4"),
        ({"input_range": "realeased"}, "did you mean 'released'"),
        ({"upsample": "stylegan"}, "did you mean 'stylegan2'"),
        ({"init": "kaimingg"}, "did you mean 'kaiming'"),
        ({"global_skip": "upsample"}, "did you mean 'upsampled'"),
        ({"latent_channels": 1, "scale": 64}, "leave no channel at side 512"),
        ({"hsi_bands": 0}, "hsi_bands is 0"),
    ],
)
def test_what_cannot_be_meant_is_told(words, answer):
    with pytest.raises(UsageError, match=answer):
        SpecGAN(**{"scale": 4, **SMALL, **words})


def made(noise: str, seed: int = 0) -> StyleGAN2:
    torch.manual_seed(1)
    network = StyleGAN2(16, 3, 6, 2, latent_channels=6, noise=noise, noise_seed=seed)  # type: ignore[arg-type]
    for name, one in network.named_parameters():
        if name.endswith("strength"):
            nn.init.ones_(one)
    return network


def test_noise_is_a_function_of_its_seed_and_part_of_the_weights():
    draws = torch.randn(2, 6)
    first, same, other = made("fixed"), made("fixed"), made("fixed", seed=1)
    assert torch.equal(first(draws), same(draws))
    assert not torch.equal(first(draws), other(draws))
    other.load_state_dict(first.state_dict())
    assert torch.equal(first(draws), other(draws))


def test_random_noise_is_drawn_while_learning_only():
    draws, network = torch.randn(2, 6), made("random")
    assert not torch.equal(network(draws), network(draws))
    network.eval()
    assert torch.equal(network(draws), network(draws))


def test_images_follow_the_second_draws_from_the_crossing_on():
    network, draws, second = made("none"), torch.randn(2, 6), torch.randn(2, 6)
    with torch.no_grad():
        _, codes = network(draws, second, torch.tensor([2, 6]), with_codes=True)
        first, other = network.mapping(draws), network.mapping(second)
    assert torch.equal(codes[0, :2], first[:1].expand(2, -1))
    assert torch.equal(codes[0, 2:], other[:1].expand(4, -1))
    assert torch.equal(codes[1], first[1:].expand(6, -1))


def test_the_descriptor_of_a_bank_asks_for_draws_alone():
    descriptor = made("fixed").descriptor
    assert (descriptor.inputs, descriptor.latent_size, descriptor.side) == ((), 6, 16)


def test_every_part_of_the_bank_and_its_discriminator_learns():
    network, discriminator = made("fixed"), StyleGAN2Discriminator(16, latent_channels=6)
    discriminator(network(torch.randn(4, 6))).square().sum().backward()
    silent = [
        name for one in (network, discriminator) for name, parameter in one.named_parameters() if parameter.grad is None
    ]
    assert silent == []


def test_the_discriminator_compares_the_batch_in_groups():
    discriminator = StyleGAN2Discriminator(8, latent_channels=6).double()
    images = torch.rand(8, 3, 8, 8, dtype=torch.float64)
    together = discriminator(images)
    # Sample i stands with i + 2, i + 4 and i + 6.
    assert torch.allclose(together[::2], discriminator(images[::2]))
    assert not torch.allclose(together[:4], discriminator(images[:4]))
    with pytest.raises(OperatorError, match="6 samples are neither at most 4 nor a multiple of 4"):
        discriminator(images[:6])
    with pytest.raises(OperatorError, match="an input of 16 x 8 pixels, it takes 8 x 8"):
        discriminator(torch.rand(1, 3, 16, 8))


def test_it_exports():
    network = SpecGAN(4, 3, 7, **SMALL).eval()
    inputs = (torch.rand(1, 3, 8, 8), torch.rand(1, 7, 8, 8))
    with torch.no_grad():
        exported = torch.export.export(network, inputs)
        assert torch.allclose(exported.module()(*inputs), network(*inputs), atol=1e-6)


@pytest.mark.slow
def test_an_exported_program_gives_the_same():
    network = SpecGAN(2, 3, 7, **{**SMALL, "side": 4}, upsample="stylegan2").eval()
    given = (torch.rand(2, 3, 4, 4), torch.rand(2, 7, 4, 4))
    program = torch.export.export(network, given).module()
    torch.testing.assert_close(program(*given), network(*given))


@pytest.mark.slow
def test_it_leaves_torch(tmp_path):
    """Modulated convolutions, filters, attention and the bank's noise as an ONNX graph that another runtime runs."""
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="torch's ONNX export needs it")
    onnxruntime = pytest.importorskip("onnxruntime")
    network = SpecGAN(4, 3, 7, **SMALL, upsample="stylegan2").eval()
    given = (torch.rand(2, 3, 8, 8), torch.rand(2, 7, 8, 8))
    torch.onnx.export(network, given, str(tmp_path / "specgan.onnx"), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "specgan.onnx"), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    (found,) = session.run(None, dict(zip(names, (one.numpy() for one in given), strict=True)))
    torch.testing.assert_close(torch.from_numpy(found), network(*given).detach(), atol=1e-4, rtol=1e-4)
