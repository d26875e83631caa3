"""Weights on their way back: the published layout, every tensor of it, and the networks that have none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from harness.case import Case

from refsr.core.errors import DataError
from refsr.interop.weights.families import family_named, family_of
from refsr.interop.weights.layout import discriminator_layout, rgtnet_layout, rrsnet_layout
from refsr.interop.weights.publishing import publish, write_published
from refsr.interop.weights.reading import Published, read_published
from refsr.networks.descriptor import NetworkSpec

PARITY = Path(__file__).resolve().parents[2] / "parity"

LAYOUTS = {
    "rrsgan-rrsnet": rrsnet_layout(16),
    "rrsgan-rrsnet-small": rrsnet_layout(2),
    "rrsgan-train-step": rrsnet_layout(2),
    "rgtgan-rgtnet": rgtnet_layout(16),
    "rgtgan-rgtnet-dense": rgtnet_layout(16),
    "rgtgan-train-step": rgtnet_layout(2),
    "rgtgan-discriminator": discriminator_layout(3),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_is_the_published_one_in_keys_shapes_and_order(name):
    published = [(key, tuple(shape)) for key, shape in Case.load(PARITY / name).meta["state"]]
    assert list(LAYOUTS[name].items()) == published


SMALL = {
    "RRSNet": ("rrsgan-rrsnet-small", {}),
    "RGTNet": ("rgtgan-rgtnet-small", {}),
    "RGTNet, dense": ("rgtgan-rgtnet-small", {"offsets": "dense"}),
    "discriminator": ("rgtgan-discriminator", {}),
}


@pytest.fixture(scope="module", params=SMALL)
def there_and_back(request):
    """Published tensors, the network of ours that they became, and what was published of that."""
    name, choices = SMALL[request.param]
    state = {key: torch.from_numpy(array) for key, array in Case.load(PARITY / name).state().items()}
    family = family_of(Published(name, "", state))
    network, done = family.load(state, **choices)
    form = family.form_of(family.options(state, **choices))
    return state, network, done, publish(network.state_dict(), form), family, choices


def test_used_tensors_come_back_to_the_bit_and_unused_ones_as_zeros(there_and_back):
    state, _, done, publication, *_ = there_and_back
    assert list(publication.tensors) == list(state)
    unused = {key for keys in publication.zeros.values() for key in keys}
    assert unused | set(publication.fixed) == {key for keys in done.dropped.values() for key in keys}
    for key, tensor in publication.tensors.items():
        assert (tensor.dtype, tensor.shape) == (torch.float32, state[key].shape)
        assert torch.equal(tensor, torch.zeros_like(tensor) if key in unused else state[key]), key
    assert all(key.startswith("get_g_nopadding.weight_") for key in publication.fixed)


def test_what_was_published_comes_in_as_the_same_network(there_and_back):
    _, network, _, publication, family, choices = there_and_back
    again, done = family.load(publication.tensors, **choices)
    assert done.problems == []
    weights = network.state_dict()
    assert again.state_dict().keys() == weights.keys()
    assert all(torch.equal(one, weights[key]) for key, one in again.state_dict().items())
    if family.network == "discriminator_vgg_128":
        inputs = [torch.rand(1, 3, 256, 256)]
    else:
        inputs = [torch.rand(1, 3, side, side) for side in (4, 16, 16, 16)]
    with torch.no_grad():
        assert torch.equal(again(*inputs), network(*inputs))


@pytest.mark.parametrize("there_and_back", ["RGTNet"], indirect=True)
def test_kernels_are_those_of_transposed_convolutions_again(there_and_back):
    _, network, _, publication, *_ = there_and_back
    published = publication.tensors
    for ours, theirs in {
        network.enhance.conv_last: "GTEM.dconv_fusion2.0",
        network.texture.refine.dense.conv3x3[1]: "texture_transfer.dconv_ud2.0",
        network.enhance.attention[2]: "GTEM.dconv_m5.0",
    }.items():
        kernel, bias = published[f"{theirs}.weight"], published[f"{theirs}.bias"]
        x = torch.rand(1, kernel.shape[0], 6, 5)
        wanted = F.conv2d(x, ours.weight, ours.bias, padding=1)
        torch.testing.assert_close(F.conv_transpose2d(x, kernel, bias, padding=1), wanted, atol=1e-5, rtol=1e-5)


def test_only_the_dense_variant_has_a_note(there_and_back):
    state, _, _, publication, family, choices = there_and_back
    note = family.form_of(family.options(state, **choices)).note
    assert ("the released code does not use the dense branch" in note) == ("offsets" in choices)
    filled = "offset convolutions of each level, replaced by the dense branch"
    assert (filled in publication.zeros) == ("offsets" in choices)


@pytest.mark.parametrize("old_torch", [False, True])
def test_the_file_is_a_plain_state_dict(tmp_path, old_torch):
    family = family_named("RRSNet")
    keywords = {"n_blocks": 0}
    weights = NetworkSpec(family.network, keywords).build().state_dict()
    publication = publish(weights, family.form_of(keywords))
    write_published(tmp_path / "G.pth", publication, old_torch)
    content = torch.load(tmp_path / "G.pth", weights_only=True)
    assert type(content).__name__ == "OrderedDict"
    assert list(content) == list(rrsnet_layout(0))
    found = read_published(tmp_path / "G.pth").tensors
    assert all(torch.equal(found[key], tensor) for key, tensor in publication.tensors.items())
    # torch 1.5 and older open no archives.
    assert ((tmp_path / "G.pth").read_bytes()[:2] == b"PK") == (not old_torch)
    if not old_torch:
        write_published(tmp_path / "again.pth", publication)
        assert (tmp_path / "G.pth").read_bytes() == (tmp_path / "again.pth").read_bytes()


@pytest.mark.parametrize(
    ("network", "keywords", "answer"),
    [
        ("RRSNet", {"nf": 32}, "RRSNet with nf 32: .* it has nf 64 only"),
        ("RRSNet", {"nf_grad": 8}, "with nf_grad 8: .* it has nf_grad 16 only"),
        ("RRSNet", {"scale": 2}, "with scale 2: .* it has scale 4 only"),
        ("RRSNet", {"channels": 4}, "with channels 4: .* it has channels 3 only"),
        ("RRSNet", {"deformable_groups": 4}, "with deformable_groups 4: .* it has deformable_groups 8 only"),
        ("RGTNet", {"gtem_blocks": 2}, "with gtem_blocks 2: .* it has gtem_blocks 16 only"),
        (
            "RGTNet",
            {"gtem_upsample": "pixel_shuffle"},
            "with gtem_upsample pixel_shuffle: .* it has gtem_upsample released only",
        ),
        ("discriminator_vgg_128", {"head": "pooled"}, "with head pooled: .* it has head linear only"),
        ("discriminator_vgg_128", {"crop_size": 128}, "with crop_size 128: .* it has crop_size 256 to 287 only"),
        ("discriminator_vgg_128", {"nf": 32}, "with nf 32: .* it has nf 64 only"),
        ("discriminator_vgg_128", {"spectral_norm": True}, "spectral_norm True: .* it has spectral_norm False only"),
        ("RRSNet", {"made_later": 1}, "with made_later 1: the published code cannot load it"),
    ],
)
def test_networks_that_the_published_code_cannot_be_are_refused(network, keywords, answer):
    with pytest.raises(DataError, match=answer):
        family_named(network).form_of(keywords)


def test_equal_ways_to_say_the_published_widths_are_taken():
    assert family_named("RRSNet").form_of({"nf_grad": 16}).layout == rrsnet_layout(16)
    assert family_named("discriminator_vgg_128").form_of({"crop_size": 264, "in_nc": 1}).layout == discriminator_layout(
        1
    )


def test_networks_of_other_families_have_no_published_form():
    with pytest.raises(DataError, match="ConcatNet has no published form that is known here: RGTNet, RRSNet, disc"):
        family_named("ConcatNet")
