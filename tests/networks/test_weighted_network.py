"""A network of one's own that takes Ref's weight map: the contract, and what data sets give it in training and val."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from network_contract import NetworkContract
from torch import Tensor, nn

import refsr
from refsr.cli.main import main
from refsr.core.options.load import load_options
from refsr.core.registry import register_network
from refsr.data.build import build_dataset
from refsr.data.images import read_image
from refsr.networks.descriptor import Descriptor
from refsr.ops.resize import imresize
from registered_places import write_places


class WeightedNet(nn.Module):
    """Adds to upsampled LR a convolution of Ref's detail, times the weight map."""

    def __init__(self, scale: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.descriptor = Descriptor(scale, channels, ("lr_up", "ref", "ref_down", "ref_weight"), halo=1)
        self.mix = nn.Conv2d(channels, channels, 2 * scale + 1, padding=scale)

    def forward(self, lr_up: Tensor, ref: Tensor, ref_down: Tensor, ref_weight: Tensor) -> Tensor:
        return lr_up + self.mix((ref - ref_down) * ref_weight)


class TestWeightedNet(NetworkContract):
    def build(self, scale: int = 4, channels: int = 3) -> nn.Module:
        return WeightedNet(scale, channels)


@pytest.fixture
def option_file(own_names, tmp_path):
    register_network("WeightedNet", WeightedNet)
    places = write_places(tmp_path / "places")
    roots = {"dataroot_GT": "HR", "dataroot_LQ": "LR", "dataroot_Ref": "Ref"}
    data = {
        "mode": "reference",
        "lr_up": "from_lr",
        "ref_down": "from_ref",
        "register": "auto",
        "register_cache": str(tmp_path / "cache"),
        **{key: str(places / kind) for key, kind in roots.items()},
    }
    faults = {"ref_wrong": 0.2, "ref_missing": 0.2}
    content = {
        "name": "weighted",
        "model": "RRSNet_model",
        "scale": 4,
        "gpu_ids": [],
        "datasets": {"train": {**data, **faults, "GT_size": 64, "batch_size": 2, "n_workers": 1}, "val": data},
        "network_G": {"which_model_G": "WeightedNet"},
        "path": {"root": str(tmp_path / "exp")},
        "train": {"niter": 3, "lr_G": 1.0e-3, "val_freq": 3},
        "logger": {"print_freq": 1, "save_checkpoint_freq": 3},
    }
    file = tmp_path / "weighted.yml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_it_gets_the_weight_map_in_training_and_in_val(option_file, monkeypatch, capsys):
    seen: list[tuple[Tensor, Tensor]] = []
    forward = WeightedNet.forward

    def spied(self, lr_up, ref, ref_down, ref_weight):
        seen.append((lr_up, ref_weight))
        return forward(self, lr_up, ref, ref_down, ref_weight)

    monkeypatch.setattr(WeightedNet, "forward", spied)
    assert main(["train", str(option_file)]) == 0
    trained = len(seen)
    assert trained == 3 + 3
    assert all(weight.shape == (len(up), 1, *up.shape[-2:]) for up, weight in seen)
    assert main(["val", str(option_file), "--no-images", "--ref", "swap"]) == 0
    right, swapped = seen[trained::2], seen[trained + 1 :: 2]
    assert min(float(weight.mean()) for _, weight in right) > 0.7
    assert not any(weight.any() for _, weight in swapped)
    assert main(["val", str(option_file), "--no-images", "--register", "none"]) == 0
    assert all(torch.equal(weight, torch.ones_like(weight)) for _, weight in seen[trained + 6 :])
    assert "0 of 3 perturbed references registered" in capsys.readouterr().out
    # Weight 0 leaves upsampled LR and the bias of the convolution.
    up, weight = swapped[0]
    network = WeightedNet()
    with torch.no_grad():
        result = forward(network, up, torch.rand_like(up), torch.rand_like(up), weight)
    torch.testing.assert_close(result, up + network.mix.bias[:, None, None])


def test_restore_gives_it_the_weight_map_too(option_file, tmp_path):
    """As val does, but for the rounding of Ref and its weight to 8 bits."""
    assert main(["train", str(option_file)]) == 0
    run, places = tmp_path / "exp" / "experiments" / "weighted", tmp_path / "places"
    restorer = refsr.load(run)
    assert "ref_weight" in restorer.inputs
    torch.manual_seed(0)
    with torch.no_grad():
        restorer.network.mix.weight.normal_(std=0.05)
    lr, ref, other = (read_image(places / name) for name in ("LR/0.png", "Ref/0.png", "Ref/1.png"))
    dataset = build_dataset(load_options(option_file).datasets["val"], 4, 0)
    dataset.serve(restorer.inputs)
    sample = dataset[0]
    with torch.no_grad():
        expected = restorer.network(*(sample[name][None] for name in restorer.inputs))[0].clamp(0, 1)
    found = restorer.restore(lr, ref).astype(np.float64) / 255
    assert np.abs(found - expected.permute(1, 2, 0).numpy()).max() < 3 / 255
    refused = restorer.restore(lr, other).astype(np.float64)
    as_it_lies = restorer.restore(lr, other, register="none").astype(np.float64)
    bias = restorer.network.mix.bias.detach().numpy()
    up = np.clip(imresize(lr.astype(np.float32) / 255, 4), 0, 1)
    np.testing.assert_allclose(refused / 255, np.clip(up + bias, 0, 1), atol=0.6 / 255)
    assert np.abs(as_it_lies - refused).max() > 3
