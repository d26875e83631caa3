"""Model files: a network comes back from its file alone, and a file that is not whole does not."""

from __future__ import annotations

import random

import pytest
import torch
from safetensors.torch import save_file

from refsr.core.errors import DataError
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, fit_weights, read_model, read_tensors, write_model, write_tensors

BLUEPRINT = NetworkSpec("RRSNet", {"nf": 4, "n_blocks": 0, "deformable_groups": 1, "scale": 2})


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    network = BLUEPRINT.build()
    path = tmp_path / "G.safetensors"
    write_model(path, network.state_dict(), ModelCard(BLUEPRINT, "RRSNet_model", {"step": 3}))
    return path


def test_a_network_comes_back(file):
    torch.manual_seed(0)
    expected = BLUEPRINT.build().state_dict()
    network, card = read_model(file)
    assert not network.training
    assert card == ModelCard(BLUEPRINT, "RRSNet_model", {"step": 3})
    assert all(torch.equal(one, expected[key]) for key, one in network.state_dict().items())


def test_a_flipped_bit_is_never_loaded(file, tmp_path):
    good, perturbed = file.read_bytes(), tmp_path / "perturbed.safetensors"
    draw = random.Random(0)
    for _ in range(300):
        content = bytearray(good)
        # Half of them in the header, which is small and all meaning.
        place = draw.randrange(len(good) if draw.random() < 0.5 else 3000)
        content[place] ^= 1 << draw.randrange(8)
        perturbed.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_model(perturbed)
        assert "\n" not in str(caught.value)


def test_files_of_others_are_named_as_such(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    assert read_tensors(path)[0]["a"].shape == (2,)
    with pytest.raises(DataError, match="is no model file of refsr"):
        read_model(path)
    path.write_bytes(b"GIF89a")
    with pytest.raises(DataError, match="no safetensors file"):
        read_model(path)
    with pytest.raises(DataError, match=r"did you mean 'other\.safetensors'"):
        read_model(tmp_path / "othr.safetensors")
    with pytest.raises(DataError):
        read_model(tmp_path)


def test_a_network_of_another_version_is_one_line(tmp_path):
    for spec in (
        NetworkSpec("RRSNet", {"depth": 4}),
        NetworkSpec("TSFNett", {}),
        NetworkSpec("RRSNet", {"scale": 3}),
    ):
        write_model(tmp_path / "a.safetensors", {}, ModelCard(spec, "RRSNet_model"))
        with pytest.raises(DataError, match="cannot be built") as caught:
            read_model(tmp_path / "a.safetensors")
        assert "\n" not in str(caught.value)


def test_tensors_of_all_kinds_come_back(tmp_path):
    tensors = {
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 3),
        "half": torch.randn(3).bfloat16(),
        "turned": torch.randn(3, 4).t(),
        "whole": torch.arange(3),
    }
    write_tensors(tmp_path / "a.safetensors", tensors, {"format": "test"})
    found, header = read_tensors(tmp_path / "a.safetensors")
    assert header == {"format": "test"}
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_weights_that_do_not_fit_are_listed(file):
    weights, _ = read_tensors(file)
    other = NetworkSpec("RRSNet", {**BLUEPRINT.keywords, "n_blocks": 1}).build()
    with pytest.raises(DataError, match=r"keys do not fit the network\n  content\.body\.0\.first\.weight: is missing"):
        fit_weights(other, weights, "here")
    lines = fit_weights(other, weights, "here", strict=False)
    assert any("content.body.0.first.weight: is missing" in line for line in lines)
    assert torch.equal(other.state_dict()["content.head.weight"], weights["content.head.weight"])
    with pytest.raises(DataError):
        fit_weights(other, {"x": torch.zeros(1)}, "here", strict=False)
