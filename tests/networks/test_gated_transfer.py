"""GatedTransfer under the contract of networks, and what it alone promises."""

from __future__ import annotations

import copy
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from network_contract import NetworkContract
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.registry import resolve
from refsr.networks.descriptor import Descriptor, build_network, descriptor_of
from refsr.networks.gated_transfer.network import GatedTransfer
from refsr.networks.gated_transfer.statistics import detail_correlation, local_statistics

SKIPPING: dict[str, Any] = {"which_model_G": "MSRResNet", "nf": 4, "n_blocks": 1}
"""Adds to enlarged LR, so that what it makes looks like LR, whatever its weights."""
FRONT: dict[str, Any] = {"which_model_G": "CompactNet", "nf": 4, "n_blocks": 1}
EDSR: dict[str, Any] = {"which_model_G": "EDSR", "nf": 4, "n_blocks": 1, "span": 1.0}
DAT: dict[str, Any] = {"which_model_G": "DAT", "dim": 16, "groups": 1, "blocks": 2, "heads": 2, "split_size": [2, 4]}
SWINIR: dict[str, Any] = {"which_model_G": "SwinIR", "dim": 8, "groups": 1, "layers": 2, "heads": 2, "window": 4}


class Contract(NetworkContract):
    """With a reference that looks like what the base makes of LR, or no detail would be let through."""

    def made(self, scale: int = 4, channels: int = 3, live: bool = False) -> tuple[Any, Descriptor]:
        network, descriptor = super().made(scale, channels, live)
        self.first = copy.deepcopy(network)
        return network, descriptor

    def inputs(self, descriptor: Descriptor, height: int, width: int, batch: int = 1) -> list[Tensor]:
        lr, ref, weight = super().inputs(descriptor, height, width, batch)
        with torch.no_grad():
            alike = self.first.single_image(lr)
        return [lr, alike + 0.2 * alike.std() * (ref - 0.5), weight]


class TestPlain(Contract):
    scales = (2, 3, 4, 8)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return GatedTransfer(scale, channels, SKIPPING, nf=4, n_blocks=1)


class TestWithFront(Contract):
    scales = (2, 3, 4)
    bands = (3,)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return GatedTransfer(scale, channels, SKIPPING, front=FRONT, nf=4, n_blocks=1)


class TestJpegAware(Contract):
    bounded = False
    scales = (4,)
    bands = (3,)
    enough = 24

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return GatedTransfer(scale, channels, SKIPPING, nf=4, n_blocks=1, jpeg_aware=True)


class TestWithDAT(Contract):
    bounded = False
    scales = (2, 4)
    bands = (3,)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return GatedTransfer(scale, channels, DAT, nf=4, n_blocks=1).eval()


class TestEnsemble(Contract):
    scales = (2, 3, 4)
    bands = (3,)

    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return GatedTransfer(scale, channels, SKIPPING, front=FRONT, nf=4, n_blocks=1, front_ensemble=2)


def live(scale: int = 4, channels: int = 3, **options: Any) -> GatedTransfer:
    """With weights that add detail."""
    torch.manual_seed(4)
    network = GatedTransfer(scale, channels, **{"base": SKIPPING, "nf": 8, "n_blocks": 1} | options).eval()
    with torch.no_grad():
        network.transfer.detail.weight.normal_(std=0.2)
    return network


def scene(scale: int = 4, channels: int = 3, height: int = 12, width: int = 17) -> tuple[Tensor, Tensor, Tensor]:
    """HR of a few blobs, as Ref too, and LR."""
    torch.manual_seed(5)
    coarse = torch.rand(1, channels, height, width)
    hr = nn.functional.interpolate(coarse, scale_factor=scale, mode="bicubic", align_corners=False).clamp(0, 1)
    hr = (hr + 0.1 * torch.rand_like(hr)).clamp(0, 1)
    return nn.functional.avg_pool2d(hr, scale), hr, torch.ones(1, 1, *hr.shape[-2:])


@pytest.mark.parametrize(("scale", "channels"), [(2, 3), (3, 1), (4, 3), (4, 5), (8, 3)])
@pytest.mark.parametrize("options", [{}, {"front": FRONT}, {"base": DAT}], ids=["plain", "front", "DAT"])
@torch.no_grad()
def test_without_weight_the_result_is_the_single_images_to_the_bit(scale, channels, options):
    network = live(scale, channels, **options)
    lr, ref, weight = scene(scale, channels)
    if "base" in options:
        # A fresh DAT makes something unlike LR.
        ref = 0.9 * network.single_image(lr) + 0.1 * ref
    # The network alone needs even sides at x2.
    lr, ref, weight = lr[..., :16], ref[..., : 16 * scale], weight[..., : 16 * scale]
    alone = network.base(lr if network.front is None else network.front(lr)).clamp(0, 1)
    assert torch.equal(network(lr, ref, 0 * weight), alone)
    assert torch.equal(network.single_image(lr), alone)
    found = network.with_gate(lr, ref, weight)
    assert (found.image - alone).abs().max() > 0.01
    assert torch.equal(found.base, alone)


@torch.no_grad()
def test_an_ensemble_is_of_the_front():
    network = live(front=FRONT, front_ensemble=2)
    for parameter in network.front.parameters():
        parameter.normal_(std=0.3)
    lr, ref, weight = scene()
    turned = network.front(lr.transpose(-2, -1).flip(-2, -1)).flip(-2, -1).transpose(-2, -1)
    mean = network.base((network.front(lr) + turned) / 2).clamp(0, 1)
    assert torch.equal(network(lr, ref, 0 * weight), mean)
    assert (mean - network.base(network.front(lr)).clamp(0, 1)).abs().max() > 0.01


def test_an_ensemble_of_three_is_refused():
    with pytest.raises(UsageError, match="front_ensemble is 3; expected one of 1, 2, 4, 8"):
        GatedTransfer(4, 3, SKIPPING, front=FRONT, front_ensemble=3)


@torch.no_grad()
def test_the_gate_is_closed_exactly_where_the_weight_is_0():
    network = live()
    lr, ref, weight = scene()
    weight[..., :25] = 0
    image, base, gate = network.with_gate(lr, ref, weight)
    assert gate.shape == weight.shape
    assert not gate[..., :25].any()
    assert torch.equal(image[..., :25], base[..., :25])
    assert gate[..., 40:].min() > 0
    assert gate.max() <= 1
    assert torch.equal(image, network(lr, ref, weight))


@torch.no_grad()
def test_what_ref_holds_without_weight_does_not_matter():
    network = live()
    lr, ref, weight = scene()
    weight[..., :25] = 0
    other = ref.clone()
    other[..., :25] = torch.rand_like(other[..., :25])
    assert torch.equal(network(lr, ref, weight), network(lr, other, weight))


@torch.no_grad()
def test_a_reference_of_other_ground_is_shut_out():
    """The weight is that of a registration which was deceived."""
    network = live(n_blocks=0)
    lr, ref, weight = scene(height=48, width=48)
    _, other, _ = (one.flip(2, 3) for one in scene(height=48, width=48))
    right, wrong = (network.with_gate(lr, one, weight).gate for one in (ref, other))
    assert wrong.mean() < 0.1 * right.mean()


@torch.no_grad()
def test_brightness_and_contrast_of_ref_do_not_matter():
    network = live()
    lr, ref, weight = scene()
    as_it_is, changed = network(lr, ref, weight), network(lr, 0.6 * ref + 0.3, weight)
    effect = (as_it_is - network(lr, ref, 0 * weight)).abs().mean()
    assert (as_it_is - changed).abs().mean() < 0.05 * effect


@torch.no_grad()
def test_it_starts_as_its_single_image_network():
    torch.manual_seed(6)
    network = GatedTransfer(4, 3, EDSR, FRONT).eval()
    lr, _, weight = scene()
    ref = network.base(lr)
    assert torch.equal(network(lr, ref, weight), ref.clamp(0, 1))
    assert network.with_gate(lr, ref, weight).gate.max() > 0.1


@torch.no_grad()
def test_a_known_base_is_taken():
    network = live()
    lr, ref, weight = scene()
    base = network.single_image(lr)
    assert torch.equal(network(lr, ref, weight, base=base), network(lr, ref, weight))
    assert torch.equal(network.with_gate(lr, ref, 0 * weight, base=base / 2).image, base / 2)


def test_frozen_parts_keep_their_statistics():
    network = live(base=DAT, front=FRONT).train()
    assert network.base.training
    network.base.requires_grad_(False)
    before = {key: value.clone() for key, value in network.base.state_dict().items()}
    network.train()
    assert not network.base.training
    assert network.transfer.training
    assert network.front is not None
    assert network.front.training
    lr, ref, weight = scene()
    network(lr, ref, weight).square().mean().backward()
    assert all(torch.equal(value, before[key]) for key, value in network.base.state_dict().items())
    assert all(parameter.grad is not None for parameter in network.front.parameters())
    assert not any(parameter.grad is not None for parameter in network.base.parameters())


@torch.no_grad()
def test_correlation_is_that_of_the_window():
    """Against NumPy's; variance of one grey level counts as flat."""
    torch.manual_seed(7)
    one, other = torch.rand(1, 2, 9, 9, dtype=torch.float64), torch.rand(1, 2, 9, 9, dtype=torch.float64)
    found = local_statistics(one, other)
    side = np.array([[max(0, 3 - abs(at)) for at in range(-2, 3)]], float)
    # In the middle of nine pixels two boxes of five give weights 1 2 3 4 5 4 3 2 1.
    taps = np.array([1, 2, 3, 4, 5, 4, 3, 2, 1]) / 25
    assert side.sum() == 9
    weights = np.outer(taps, taps)
    a, b = one[0].numpy(), other[0].numpy()
    means = [(weights * image).sum((1, 2)) for image in (a, b)]
    apart = [image - mean[:, None, None] for image, mean in zip((a, b), means, strict=True)]
    covariance, *variances = (
        (weights * first * second).sum((1, 2))
        for first, second in ((apart[0], apart[1]), (apart[0], apart[0]), (apart[1], apart[1]))
    )
    noise = (1 / 255) ** 2
    expected = covariance.mean() / np.sqrt(np.prod([variance.mean() + noise for variance in variances]))
    assert float(found.correlation[0, 0, 4, 4]) == pytest.approx(expected, rel=1e-6)
    flat = local_statistics(torch.full((1, 1, 9, 9), 0.9), torch.rand(1, 1, 9, 9))
    assert flat.correlation.abs().max() < 1e-3


@torch.no_grad()
def test_the_correlation_of_detail_counts_the_pixels_of_hr():
    """Equal detail 1, opposite -1, none 0: but for what one grey level of noise takes away."""
    torch.manual_seed(8)
    detail = 0.1 * (torch.rand(1, 3, 64, 64) - 0.5)
    other = 0.1 * (torch.rand(1, 3, 64, 64) - 0.5)
    variance = float(detail.var())
    expected = variance / (variance + (1 / 255) ** 2)
    same, opposite, unlike = (detail_correlation(detail, one, 4) for one in (detail, -2 * detail, other))
    assert same.shape == (1, 1, 16, 16)
    assert float(same.mean()) == pytest.approx(expected, abs=0.01)
    assert float(opposite.mean()) < -expected
    assert float(unlike.abs().mean()) < 0.05


def fine(shape: tuple[int, ...]) -> Tensor:
    """A pattern that no LR shows at x4: it is 0 over each LR pixel."""
    rows, columns = torch.meshgrid(torch.arange(shape[-2]), torch.arange(shape[-1]), indexing="ij")
    return (0.1 * (2 * ((rows + columns) % 2) - 1)).expand(shape)


@torch.no_grad()
def test_the_transfer_sees_whether_detail_agrees_that_lr_does_not_show():
    network = live(n_blocks=0)
    network.transfer.head.weight[:, : -3 * 16] = 0  # what is left are the three correlations behind the agreement
    lr, ref, weight = scene()
    base = ref + fine(tuple(ref.shape))
    gates = [network.with_gate(lr, ref + sign * fine(tuple(ref.shape)), weight, base=base).gate for sign in (1, -1)]
    assert (gates[0] - gates[1]).abs().mean() > 0.01


@torch.no_grad()
def test_traces_of_jpeg_change_what_is_added():
    network = live(jpeg_aware=True)
    lr, _, weight = scene(height=24, width=24)
    lr = (255 * lr).round() / 255
    pixels = (255 * lr[0].permute(1, 2, 0)).byte().numpy()
    coded = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)
    compressed = torch.from_numpy(coded).permute(2, 0, 1)[None] / 255
    base = network.single_image(lr)
    # Weights that see LR through its traces alone.
    network.transfer.head.weight[:, 3 * 16 : 6 * 16] = 0
    clean, found = (network(one, base, weight, base=base) for one in (lr, compressed))
    assert (clean - found).abs().max() > 1e-3
    network.transfer.condition = None
    assert torch.allclose(*(network(one, base, weight, base=base) for one in (lr, compressed)))


def test_the_size_multiple_and_the_halo_are_those_of_all_parts():
    """The transfer at x2 needs even sides of LR, SwinIR whole windows."""
    network = GatedTransfer(2, 3, SWINIR, nf=4, n_blocks=1)
    own, base = network.descriptor, descriptor_of(network.base)
    assert (own.multiple, GatedTransfer(2, 3, EDSR).descriptor.multiple) == (4, 2)
    assert own.halo is not None
    assert base.halo is not None
    assert own.halo > base.halo
    assert GatedTransfer(4, 3, DAT).descriptor.halo is None


def test_the_sizes():
    """About 200 thousand parameters of the transfer, 170 of the front."""
    with torch.device("meta"):
        network = GatedTransfer(4, 3, EDSR, {"which_model_G": "CompactNet"})
    count = {name: sum(one.numel() for one in part.parameters()) for name, part in network.named_children()}
    assert count["transfer"] == pytest.approx(200e3, rel=0.02)
    assert count["front"] == pytest.approx(169e3, rel=0.02)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"base": {"which_model_G": "EDRS"}}, "base: network 'EDRS' is not known; did you mean 'EDSR'"),
        ({"base": {"nf": 4}}, "base: which_model_G is missing"),
        ({"base": {**EDSR, "nff": 4}}, "base: EDSR: unknown keyword 'nff'; did you mean 'nf'"),
        ({"base": {**EDSR, "nf": "4"}}, "base: EDSR: nf is '4': input should be a valid integer"),
        ({"base": {**EDSR, "scale": 4}}, "base: scale is that of the network around it"),
        ({"base": {"which_model_G": "RRSNet"}}, "base is RRSNet, which takes lr, lr_up, ref, ref_down; expected"),
        ({"scale": 5, "base": EDSR}, "base: EDSR: scale 5 is no product of twos and threes"),
        ({"nf": 0}, "GatedTransfer: nf is 0, expected 1 or more"),
        ({"front": {"which_model_G": "EDRS"}}, "front: network 'EDRS' is not known; did you mean 'EDSR'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        GatedTransfer(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "GatedTransfer") is GatedTransfer
    network = build_network("GatedTransfer", scale=2, base=EDSR)
    assert isinstance(network, GatedTransfer)
    assert network.base.descriptor.scale == 2
