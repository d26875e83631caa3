"""Published RRSNet files, good and bad, from .pth to safetensors."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest
import torch
from harness.case import Case

from refsr.core.errors import DataError
from refsr.interop.weights.reading import read_published
from refsr.interop.weights.rrsnet import import_rrsnet, rrsnet_keys, rrsnet_options
from refsr.interop.weights.writing import write_imported
from refsr.networks.descriptor import NetworkSpec
from refsr.networks.rrsnet import RRSNet
from refsr.runs.model_file import read_model

CASE = Path(__file__).resolve().parents[2] / "parity" / "rrsgan-rrsnet-small"


@pytest.fixture(scope="module")
def state():
    return {key: torch.from_numpy(array) for key, array in Case.load(CASE).state().items()}


@pytest.fixture
def saved(tmp_path):
    def save(content):
        file = tmp_path / "250000_G.pth"
        torch.save(content, file)
        return file

    return save


def test_a_published_file_becomes_safetensors_that_say_where_they_came_from(state, saved, tmp_path):
    source = read_published(saved({f"module.{key}": value for key, value in state.items()}))
    network, done = import_rrsnet(source.tensors)
    assert done.problems == []
    assert {reason: len(keys) for reason, keys in done.dropped.items()} == {
        "fixed kernels of the gradient operator": 2,
        "the content extractor's tail, whose image is not used": 8,
    }
    spec = NetworkSpec("RRSNet", rrsnet_options(source.tensors))
    write_imported(tmp_path / "w.safetensors", spec, "RRSNet_model", source, done)
    again, card = read_model(tmp_path / "w.safetensors")
    assert (card.spec, card.model) == (spec, "RRSNet_model")
    assert (card.origin["imported_from"], card.origin["sha256"]) == ("250000_G.pth", source.digest)
    assert sum(map(len, card.origin["dropped"].values())) == 10
    assert all(map(torch.equal, again.state_dict().values(), network.state_dict().values()))
    assert torch.equal(again.alignment.cascade_fusion.weight, state["gpcd_align.cas_fea_conv.weight"])


def test_every_used_key_is_mapped_once(state):
    keys = rrsnet_keys(2)
    assert len(set(keys.values())) == len(keys)
    assert set(keys.values()) <= set(state)
    assert sum(state[key].numel() for key in keys.values()) == sum(p.numel() for p in RRSNet(n_blocks=2).parameters())


def test_options_are_read_off_the_shapes():
    made = RRSNet(4, 5, nf=24, n_blocks=3, nf_grad=8, deformable_groups=4)
    weights = made.state_dict()
    published = {theirs: weights[ours] for ours, theirs in rrsnet_keys(3).items()}
    network, done = import_rrsnet(published)
    assert done.problems == []
    assert network.descriptor == made.descriptor
    assert all(map(torch.equal, network.state_dict().values(), weights.values()))


def test_what_does_not_fit_is_listed(state, saved, tmp_path):
    perturbed = dict(state)
    del perturbed["gpcd_align.L2_fea_conv.bias"]
    perturbed["gpcd_align.L9_fea_conv.bias"] = torch.zeros(3)
    perturbed["texture_transfer.tail_small.0.weight"] = torch.zeros(64, 64, 3, 3)
    source = read_published(saved(perturbed))
    _, done = import_rrsnet(source.tensors)
    assert done.problems == [
        "gpcd_align.L2_fea_conv.bias: is missing",
        "gpcd_align.L9_fea_conv.bias: is not known",
        "texture_transfer.tail_small.0.weight: has shape (64, 64, 3, 3), expected (256, 64, 3, 3)",
    ]
    with pytest.raises(DataError, match="3 keys do not fit"):
        write_imported(tmp_path / "w.safetensors", NetworkSpec("RRSNet"), "RRSNet_model", source, done)
    assert not (tmp_path / "w.safetensors").exists()


class Trap:
    """Unpickling this would write a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_file_is_never_run(tmp_path, legacy):
    trap, file = tmp_path / "trap", tmp_path / "a.pth"
    if legacy:
        file.write_bytes(pickle.dumps({"a": Trap(trap)}))
    else:
        torch.save({"a": Trap(trap)}, file)
    with pytest.raises(DataError, match="only the tensors of a state dict"):
        read_published(file)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ([1, 2], "holds a list, expected a state dict"),
        ({}, "the state dict is empty"),
        ({"epoch": 1, "optimizers": []}, "'epoch' is no tensor, expected a state dict; a training state"),
        ({"a": torch.zeros(1), "module.a": torch.zeros(1)}, "'a' is there twice"),
    ],
)
def test_files_of_other_kinds_are_named(saved, content, answer):
    with pytest.raises(DataError, match=answer):
        read_published(saved(content))


def test_weights_of_another_network_are_named():
    with pytest.raises(DataError, match=r"no RRSNet weights: 'Encoder\.layer_f\.0\.weight' is missing"):
        import_rrsnet({"conv_first.weight": torch.zeros(3, 3, 3, 3)})


def test_missing_empty_and_damaged_files_get_one_line(saved, state, tmp_path):
    whole = saved({key: state[key] for key in list(state)[:6]}).read_bytes()
    file = tmp_path / "b.pth"
    with pytest.raises(DataError, match="no such file"):
        read_published(file)
    with pytest.raises(DataError, match="a folder"):
        read_published(tmp_path)
    for content in (b"", b"\x89PNG\r\n\x1a\n" * 9, whole[: len(whole) // 2], whole[:-30]):
        file.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_published(file)
        assert "\n" not in str(caught.value)


def test_a_flipped_bit_never_becomes_a_weight(tmp_path):
    """The loader alone takes nearly all of these files without a word."""
    weights = RRSNet(nf=8, n_blocks=0, deformable_groups=2).state_dict()
    file, perturbed = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save({theirs: weights[ours] for ours, theirs in rrsnet_keys(0).items()}, file)
    good, sound = file.read_bytes(), read_published(file).tensors
    draw = random.Random(0)
    refused = 0
    for _ in range(100):
        content = bytearray(good)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        perturbed.write_bytes(content)
        try:
            found = read_published(perturbed).tensors
        except DataError:
            refused += 1
        else:
            # A bit of padding or of a time stamp: the tensors are the same.
            assert found.keys() == sound.keys()
            assert all(torch.equal(found[key], sound[key]) for key in sound)
    assert refused > 50
