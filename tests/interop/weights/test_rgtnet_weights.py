"""Published RGTNet and discriminator files, good and bad; both variants of offsets; which network a file is for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from harness.case import Case

from refsr.core.errors import DataError, UsageError
from refsr.interop.weights.conversion import as_ordinary
from refsr.interop.weights.discriminator import discriminator_keys, import_discriminator
from refsr.interop.weights.families import family_of
from refsr.interop.weights.reading import Published, read_published
from refsr.interop.weights.rgtnet import import_rgtnet, rgtnet_keys
from refsr.interop.weights.rrsnet import rrsnet_keys
from refsr.interop.weights.writing import write_imported
from refsr.networks.descriptor import NetworkSpec
from refsr.networks.discriminator import VGGDiscriminator
from refsr.networks.rgtnet import RGTNet
from refsr.networks.rrsnet import RRSNet
from refsr.runs.model_file import read_model

CASE = Path(__file__).resolve().parents[2] / "parity" / "rgtgan-rgtnet-small"

UNTOUCHED = {
    "fixed kernels of the gradient operator": 2,
    "the content extractor's tail, whose image is not used": 8,
    "offset heads that no path touches": 16,
    "offset tails that no path touches": 256,
}


@pytest.fixture(scope="module")
def state():
    return {key: torch.from_numpy(array) for key, array in Case.load(CASE).state().items()}


def published_rgtnet(network: RGTNet, keys: dict[str, str]) -> dict[str, torch.Tensor]:
    """Weights under published keys, transposed convolutions as such."""
    weights = network.state_dict()
    published = {theirs: weights[ours] for ours, theirs in keys.items()}
    return {
        key: as_ordinary(one).contiguous() if ".dconv_" in f".{key}" and one.dim() == 4 else one
        for key, one in published.items()
    }


def test_turned_kernels_are_transposed_convolutions():
    x, kernel = torch.rand(1, 4, 6, 5), torch.rand(4, 3, 3, 3)
    torch.testing.assert_close(
        F.conv2d(x, as_ordinary(kernel), padding=1), F.conv_transpose2d(x, kernel, padding=1), atol=1e-5, rtol=1e-5
    )
    assert torch.equal(as_ordinary(as_ordinary(kernel)), kernel)


@pytest.mark.parametrize(
    ("offsets", "dropped"),
    [
        ("released", {"the dense branch, whose result the released code does not use": 10}),
        ("dense", {"offset convolutions of each level, replaced by the dense branch": 20}),
    ],
)
def test_every_published_key_is_used_once_or_dropped_for_a_reason(state, offsets, dropped):
    network, done = import_rgtnet(state, offsets)
    assert done.problems == []
    assert {reason: len(keys) for reason, keys in done.dropped.items()} == UNTOUCHED | dropped
    keys = rgtnet_keys(2, 16, offsets)
    assert len(set(keys.values())) == len(keys)
    assert len(keys) + sum(map(len, done.dropped.values())) == len(state)
    assert sum(state[key].numel() for key in keys.values()) == sum(one.numel() for one in network.parameters())


def test_a_published_file_becomes_safetensors_that_say_where_they_came_from(state, tmp_path):
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "300000_G.pth")
    source = read_published(tmp_path / "300000_G.pth")
    family = family_of(source)
    options, done = family.import_from(source.tensors, {})
    assert (family.network, family.model) == ("RGTNet", "RGTNet_model")
    write_imported(tmp_path / "w.safetensors", NetworkSpec(family.network, options), family.model, source, done)
    again, card = read_model(tmp_path / "w.safetensors")
    assert isinstance(again, RGTNet)
    assert (card.origin["imported_from"], card.origin["sha256"]) == ("300000_G.pth", source.digest)
    assert sum(map(len, card.origin["dropped"].values())) == 292
    network, _ = import_rgtnet(state)
    assert all(map(torch.equal, again.state_dict().values(), network.state_dict().values()))
    assert torch.equal(again.enhance.reduce.weight, as_ordinary(state["GTEM.dconv_m6.0.weight"]))


def test_options_are_read_off_the_shapes():
    made = RGTNet(
        4,
        5,
        nf=12,
        n_blocks=3,
        nf_grad=4,
        deformable_groups=4,
        gtem_blocks=1,
        offsets="dense",
        gtem_upsample="pixel_shuffle",
    )
    published = published_rgtnet(made, rgtnet_keys(3, 1, "dense"))
    network, done = import_rgtnet(published, "dense", "pixel_shuffle")
    assert done.problems == []
    assert network.descriptor == made.descriptor
    weights = made.state_dict()
    assert network.state_dict().keys() == weights.keys()
    assert all(torch.equal(one, weights[key]) for key, one in network.state_dict().items())


def test_what_does_not_fit_is_listed_in_published_shapes(state):
    perturbed = dict(state)
    del perturbed["GTEM.conv_e8.0.bias"]
    perturbed["gpcd_align.DenseRest.conv3.weight"] = torch.zeros(3)
    perturbed["GTEM.dconv_m5.0.weight"] = torch.zeros(256, 128, 3, 3)
    _, done = import_rgtnet(perturbed)
    assert done.problems == [
        "GTEM.conv_e8.0.bias: is missing",
        "gpcd_align.DenseRest.conv3.weight: is not known",
        "GTEM.dconv_m5.0.weight: has shape (256, 128, 3, 3), expected (128, 256, 3, 3)",
    ]


@pytest.mark.parametrize(("in_nc", "nf", "crop_size"), [(3, 4, 64), (1, 6, 32)])
def test_discriminators_come_in_whole(in_nc, nf, crop_size):
    made = VGGDiscriminator(in_nc, nf, crop_size=crop_size)
    weights = made.state_dict()
    published = {theirs: weights[ours] for ours, theirs in discriminator_keys().items()}
    network, done = import_discriminator(published)
    assert done.problems == []
    image = torch.rand(1, in_nc, crop_size, crop_size)
    assert torch.equal(network(image), made(image))
    published["linear1.weight"] = published["linear1.weight"][:, 1:]
    _, done = import_discriminator(published)
    assert len(done.problems) == 1


def test_the_keys_say_which_network_a_file_is_for(state):
    rrsnet = RRSNet(nf=8, n_blocks=0, deformable_groups=2).state_dict()
    discriminator = VGGDiscriminator(nf=2, crop_size=32).state_dict()
    kinds = {
        "RGTNet": state,
        "RRSNet": {theirs: rrsnet[ours] for ours, theirs in rrsnet_keys(0).items()},
        "discriminator_vgg_128": {theirs: discriminator[ours] for ours, theirs in discriminator_keys().items()},
    }
    for name, tensors in kinds.items():
        family = family_of(Published("file.pth", "", tensors))
        assert family.network == name
        _, done = family.import_from(tensors, {})
        assert done.problems == []
        if name != "RGTNet":
            with pytest.raises(UsageError, match=f"{name} takes no offsets"):
                family.import_from(tensors, {"offsets": "dense"})
    with pytest.raises(DataError, match=r"file\.pth: its keys \('conv_first', \.\.\.\) are those of no network"):
        family_of(Published("file.pth", "", {"conv_first": torch.zeros(1)}))


@pytest.mark.parametrize(
    ("tensors", "answer"),
    [
        ({"GTEM.conv_e1.0.weight": (64, 3, 3, 3)}, r"no RGTNet weights: 'Encoder\.layer_f\.0\.weight' is missing"),
        ({"conv0_0.weight": (64, 3)}, r"no discriminator_vgg_128 weights: 'conv0_0\.weight' is missing or has not 4"),
    ],
)
def test_parts_of_a_network_are_named(tensors, answer):
    published = {key: torch.zeros(shape) for key, shape in tensors.items()}
    with pytest.raises(DataError, match=answer):
        family_of(Published("file.pth", "", published)).import_from(published, {})
