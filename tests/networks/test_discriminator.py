"""The discriminator: heads, sizes, spectral norms, gradients, and what it refuses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import OperatorError, UsageError
from refsr.core.registry import resolve
from refsr.networks.discriminator import VGGDiscriminator
from refsr.ops import gradient_magnitude

KINDS = pytest.mark.parametrize(
    "options",
    [
        {"crop_size": 64},
        {"head": "pooled"},
        {"head": "pooled", "init": "kaiming"},
        {"crop_size": 64, "spectral_norm": True},
        {"head": "pooled", "spectral_norm": True},
    ],
    ids=["linear", "pooled", "pooled-kaiming", "linear-spectral", "pooled-spectral"],
)


def made(in_nc: int = 3, nf: int = 4, **options: object) -> VGGDiscriminator:
    torch.manual_seed(4)
    return VGGDiscriminator(in_nc, nf, **options)  # type: ignore[arg-type]


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(6))


def test_the_published_one_has_the_published_size():
    with torch.device("meta"):
        network = VGGDiscriminator()
        assert sum(parameter.numel() for parameter in network.parameters()) == 16_951_241
        assert network(torch.empty(2, 3, 256, 256)).shape == (2, 1)
        assert network(torch.empty(1, 3, 258, 258)).shape == (1, 1)
        with pytest.raises(OperatorError, match="128 x 128 pixels, its linear head takes 256 to 287 a side; crop_size"):
            network(torch.empty(1, 3, 128, 128))


@KINDS
def test_crops_and_their_gradient_maps_have_a_discriminator_of_one_kind(options):
    network = made(**options)
    crops = images(2, 3, 64, 64)
    for seen in (crops, gradient_magnitude(crops, "full")):
        logits = network(seen)
        assert logits.shape == (2, 1)
        assert logits.isfinite().all()


@KINDS
@pytest.mark.parametrize("in_nc", [1, 5])
def test_every_parameter_and_the_image_get_a_gradient(options, in_nc):
    network = made(in_nc, **options)
    crops = images(2, in_nc, 64, 64).requires_grad_()
    network(crops).square().sum().backward()
    assert [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()] == []
    assert crops.grad is not None
    assert crops.grad.any()


@KINDS
def test_the_batch_does_not_matter(options):
    network = made(**options).double().eval()
    crops = images(3, 3, 64, 64).double()
    with torch.no_grad():
        assert torch.allclose(network(crops), torch.cat([network(crop[None]) for crop in crops]), atol=1e-12)


@KINDS
def test_saving_loading_and_repeating(options):
    network, other = made(**options).eval(), VGGDiscriminator(3, 4, **options).eval()
    crops = images(1, 3, 64, 64)
    assert not torch.equal(other(crops), network(crops))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(crops), network(crops))


@KINDS
def test_training_under_autocast(options):
    network = made(**options)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(images(2, 3, 64, 64)).float().square().mean()
    loss.backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


@KINDS
def test_slopes_can_be_punished(options):
    """R1: the gradient of a gradient reaches the parameters."""
    network = made(**options)
    crops = images(2, 3, 64, 64).requires_grad_()
    (slope,) = torch.autograd.grad(network(crops).sum(), crops, create_graph=True)
    slope.square().sum().backward()
    kernels = {name: one.grad for name, one in network.named_parameters() if one.dim() > 1}
    assert [name for name, slope in kernels.items() if slope is None or not slope.any()] == []


@pytest.mark.parametrize("size", [(32, 32), (33, 70), (130, 64)])
def test_the_pooled_head_takes_any_size(size):
    assert made(head="pooled")(images(1, 3, *size)).shape == (1, 1)


def test_the_pooled_head_looks_at_the_mean_over_places():
    network = made(head="pooled")
    seen: list[Tensor] = []
    network.layers[-1].register_forward_hook(lambda layer, inputs, output: seen.append(output))
    network.hidden.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
    network(images(2, 3, 96, 64))
    features, pooled = seen
    assert features.shape[2:] == (3, 2)
    torch.testing.assert_close(pooled, F.leaky_relu(features, 0.2).mean(dim=(2, 3)))


def test_spectral_norms_are_one():
    network = made(nf=8, spectral_norm=True)
    for _ in range(60):
        network(images(1, 3, 256, 256))
    network.eval()
    for layer in (*network.layers, network.hidden, network.logit):
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1).double(), 2)
        assert float(largest) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("options", "size", "answer"),
    [
        ({}, (256, 300), "256 x 300 pixels, its linear head takes 256 to 287 a side"),
        ({"head": "pooled"}, (31, 64), "31 x 64 pixels, it takes 32 a side or more"),
        ({}, (16, 16), "16 x 16 pixels, it takes 32 a side or more"),
    ],
)
def test_sizes_that_do_not_fit_are_named(options, size, answer):
    with pytest.raises(OperatorError, match=answer):
        made(**options).require_size(*size)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"head": "poled"}, "head 'poled' is not known; did you mean 'pooled'"),
        ({"crop_size": 16}, "crop_size is 16, expected 32 or more"),
        ({"nf": 0}, "nf is 0"),
        ({"in_nc": 0}, "in_nc is 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        VGGDiscriminator(**options)


def test_the_name_stands_for_it():
    assert resolve("network", "discriminator_vgg_128") is VGGDiscriminator


def test_released_weights_begin_blind_and_kaiming_weights_do_not():
    images = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    spread = {}
    for init in ("released", "kaiming"):
        torch.manual_seed(0)
        spread[init] = float(VGGDiscriminator(nf=16, head="pooled", init=init)(images).detach().std())
    assert spread["released"] < 1e-4 < 1e-2 < spread["kaiming"]


def test_an_unknown_init_is_named():
    with pytest.raises(UsageError, match="init 'kaimingg' is not known; did you mean 'kaiming'"):
        VGGDiscriminator(init="kaimingg")
