"""TSFNet under the contract of networks, and what it alone promises."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from network_contract import NetworkContract
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.errors import UsageError
from refsr.networks.tsfnet.network import TSFNet, nearest_upsample
from refsr.networks.tsfnet.phase_filter import PhaseFilter
from refsr.networks.tsfnet.spatial import Downsample
from refsr.networks.tsfnet.spectrum import amplitude_and_phase, fftshift_rows, ifftshift_rows, inverse_rfft2
from refsr.networks.tsfnet.split import SpectralSplit

SMALL = {"nf": 16, "n_blocks": 1}


class TestTSFNet(NetworkContract):
    scales = (4, 16)
    bounded = False

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return TSFNet(scale, channels, **SMALL)

    def test_it_compiles_as_one_graph(self) -> None:
        """Each kind of part does; all of them in one graph take most of a minute."""
        network, _ = self.made(live=True)
        feature, half = torch.rand(1, 16, 16, 32), torch.rand(1, 8, 16, 32)
        self.compiles(network.second.blocks[0].frequency[0], half)
        self.compiles(network.second.downsamples[0], feature)
        self.compiles(network.second.encoder_fusions[1], feature, torch.rand_like(feature))
        levels = [torch.rand(1, 16, 2 << level, 4 << level) for level in range(4)]
        self.compiles(network.split, levels)

    @staticmethod
    def compiles(part: nn.Module, *inputs: object) -> None:
        compiled = torch.compile(part, backend="aot_eager", fullgraph=True)
        with torch.no_grad():
            torch.testing.assert_close(compiled(*inputs), part(*inputs), atol=1e-5, rtol=1e-5)


def made(**keywords: object) -> TSFNet:
    torch.manual_seed(3)
    return TSFNet(**{**SMALL, **keywords})


def test_size_and_cost_of_the_published_network():
    """Thousands of millions of multiply-accumulates; published: 55.55 in convolutions and 0.36 in attention."""
    with FakeTensorMode(), torch.no_grad():
        network = TSFNet(8)
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, 32, 32))
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_127_934
    found = {str(name): count / 2e9 for name, count in counter.get_flop_counts()["Global"].items()}
    assert found["aten.convolution"] == pytest.approx(49.899, abs=0.001)
    assert sum(found.values()) == pytest.approx(51.561, abs=0.001)


def test_a_halving_is_what_was_published():
    layer, x = Downsample(6), torch.rand(2, 6, 8, 10)
    published = layer.reduce(F.pixel_unshuffle(layer.conv(x), 2))
    torch.testing.assert_close(layer(x), published, atol=1e-6, rtol=1e-5)


def images_with_zeros(side: int) -> torch.Tensor:
    """(5, 3, side, side): black, constant, black below, black around the middle, black but for one pixel."""
    noise = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    images, border = torch.zeros(5, 3, side, side), side // 4
    images[1] = 0.4
    images[2, :, : side // 2] = noise[0, :, : side // 2]
    images[3, :, border : side - border, border : side - border] = noise[
        1, :, border : side - border, border : side - border
    ]
    images[4, :, side // 2, side // 2] = 1
    return images


@pytest.mark.parametrize(
    ("way", "fft_norm", "scale", "side"),
    [
        ("float32", "released", 2, 8),
        ("float32", "released", 3, 16),
        ("float32", "scaled", 4, 4),
        ("autocast", "released", 4, 4),
        ("bfloat16", "released", 8, 2),
        ("autocast", "scaled", 16, 1),
    ],
)
def test_gradients_at_exact_zeros_are_finite(way, fft_norm, scale, side):
    """Results of 16 and 48 pixels a side; 48 is no power of two: rounding stands where zeros would be."""
    network, lr = made(scale=scale, fft_norm=fft_norm), images_with_zeros(side)
    if way == "bfloat16":
        network, lr = network.to(torch.bfloat16), lr.bfloat16()
    lr.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
        images = network(lr, every_stage=True)
    assert all(image.isfinite().all() for image in images)
    inputs = {"lr": lr, **dict(network.named_parameters())}
    # Each stage alone, so that neither hides what the other sends back.
    for image, deep in zip(images, (True, False), strict=True):
        reached = {name: one for name, one in inputs.items() if deep or not name.startswith("second.")}
        slopes = torch.autograd.grad(image.float().abs().mean(), list(reached.values()), retain_graph=deep)
        assert [name for name, slope in zip(reached, slopes, strict=True) if not slope.isfinite().all()] == []
        assert max(float(slope.abs().max()) for slope in slopes) < 1e4


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_filters_in_half_types_see_spectra_in_float32(kind):
    """A zero frequency of 255 * 64 * 64 is beyond float16."""
    torch.manual_seed(3)
    block, x = PhaseFilter(4), torch.rand(1, 4, 64, 64) * 255
    exact, found = block(x.to(kind).float()), block.to(kind)(x.to(kind))
    assert found.dtype is kind
    assert found.isfinite().all()
    assert (found.float() - exact).norm() / exact.norm() < 4 * torch.finfo(kind).eps


@pytest.mark.parametrize("size", [(8, 8), (6, 10), (7, 9), (5, 6), (1, 1), (2, 1)])
def test_spectra_go_and_come_back(size):
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(2)) - 0.5
    spectrum = fftshift_rows(torch.fft.rfft2(image))
    middle = (size[0] - 1) // 2
    torch.testing.assert_close(spectrum[..., middle, 0].real, image.sum(dim=(-2, -1)), atol=1e-5, rtol=1e-5)
    amplitude, phase = amplitude_and_phase(spectrum, size[1])
    again = inverse_rfft2(ifftshift_rows(torch.polar(amplitude, phase)), size[1])
    torch.testing.assert_close(again, image, atol=1e-6, rtol=1e-5)


def test_no_column_keeps_what_no_real_map_has():
    """Libraries differ in what they do with imaginary parts of the first and last column: none may be left."""
    spectrum = torch.randn(6, 5, dtype=torch.complex64, generator=torch.Generator().manual_seed(4))
    columns = torch.fft.ifft(spectrum, dim=0)
    columns[:, [0, -1]] = columns[:, [0, -1]].real + 0j
    # The same sums by hand.
    turns = torch.exp(2j * torch.pi * torch.arange(8)[:, None] * torch.arange(5) / 8).to(torch.complex64)
    weights = torch.tensor([1.0, 2, 2, 2, 1])
    expected = torch.einsum("hk,xk,k->hx", columns, turns, weights.to(torch.complex64)).real / 8
    torch.testing.assert_close(inverse_rfft2(spectrum, 8), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("height", [12, 20])
def test_a_negative_bin_that_must_be_real_has_phase_pi(height):
    """Sides that are no powers of two leave rounding in its imaginary part, of either sign."""
    image = -torch.rand(64, 1, height, 12, generator=torch.Generator().manual_seed(6))
    _, phase = amplitude_and_phase(fftshift_rows(torch.fft.rfft2(image)), 12)
    assert torch.equal(phase[..., (height - 1) // 2, 0], torch.full((64, 1), torch.pi))
    both = phase[..., height - 1, 6]
    assert torch.equal(both.unique(), torch.tensor([0.0, torch.pi]))


def test_the_split_of_any_size_is_one_of_levels():
    """All bands together are the map, where each is nearest_upsample to it and brought to its scale."""
    levels = [torch.zeros(1, 2, 4 << level, 6 << level) for level in range(4)]
    levels[3] = torch.rand(1, 2, 32, 48, generator=torch.Generator().manual_seed(7))
    constant = [torch.zeros_like(one) for one in levels[:3]] + [torch.ones_like(levels[3])]
    for fft_norm, factor in (("released", 64.0), ("scaled", 1.0)):
        coarse, *others = SpectralSplit(fft_norm)(constant)
        torch.testing.assert_close(coarse[:, 1], torch.full((1, 4, 6), factor))
        assert all(one[:, 1].sub(base[:, 1]).abs().max() < 1e-5 for one, base in zip(others, constant[1:], strict=True))
        assert not coarse[:, 0].any()
    bands = [one - base for one, base in zip(SpectralSplit("scaled")(levels), levels, strict=True)]
    total = torch.zeros(32, 25, dtype=torch.complex64)
    for band in bands:
        half = torch.fft.rfft2(band[0, 1], norm="forward")
        rows = half.shape[0] // 2
        total[:rows, : half.shape[1] - 1] += half[:rows, :-1]
        if rows > 1:
            total[1 - rows :, : half.shape[1] - 1] += half[1 - rows :, :-1]
    expected = torch.fft.rfft2(levels[3][0, 1], norm="forward")
    # Where a band ends, its own last frequency is cut; inside all windows nothing is lost.
    torch.testing.assert_close(total[:2, :2], expected[:2, :2], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_each_low_resolution_pixel_is_a_block(scale):
    network = made(scale=scale)
    for stage in (network.first, network.second):
        nn.init.zeros_(stage.tail[0].weight)
    multiple = network.descriptor.multiple
    lr = torch.rand(1, 3, multiple, multiple)
    assert torch.equal(network(lr), F.interpolate(lr, scale_factor=scale, mode="nearest"))
    assert torch.equal(nearest_upsample(lr, scale)[..., scale - 1, scale], lr[..., 0, 1])


def test_weights_of_one_factor_fit_another():
    made(scale=4).load_state_dict(made(scale=16).state_dict(), strict=True)


def test_scaled_spectra_do_not_grow_with_the_image():
    seen = {}
    for fft_norm in ("released", "scaled"):
        block = PhaseFilter(4, fft_norm)
        for side in (16, 64):
            noise = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(8))
            seen[fft_norm, side] = float(torch.fft.rfft2(noise, norm=block.norm).abs().mean())
    assert seen["released", 64] / seen["released", 16] == pytest.approx(4, rel=0.1)
    assert seen["scaled", 64] / seen["scaled", 16] == pytest.approx(1, rel=0.1)
    assert not torch.equal(
        made(scale=8)(torch.ones(1, 3, 4, 4)), made(scale=8, fft_norm="scaled")(torch.ones(1, 3, 4, 4))
    )


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"scale": 0}, "scale is 0, expected 1 or more"),
        ({"n_blocks": -1}, "n_blocks is -1, expected 0 or more"),
        ({"nf": 20}, "nf 20 is no multiple of 2 and of heads 8; 16 would be|24 would be"),
        ({"fft_norm": "scale"}, "fft_norm 'scale' is not known; did you mean 'scaled'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        TSFNet(**options)
