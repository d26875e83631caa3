"""Parts of GatedTransfer in training: what is frozen, and what starts from another network's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from refsr.core.errors import DataError, OptionsError, UsageError
from refsr.core.options.load import load_options
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.checkpoint import read_checkpoint
from refsr.runs.model_file import ModelCard, write_model
from refsr.runs.process_group import ALONE
from refsr.training.setup import build_task
from refsr.training.trainer import train

FRONT: dict[str, Any] = {"which_model_G": "CompactNet", "nf": 4, "n_blocks": 1}
DAT: dict[str, Any] = {"which_model_G": "DAT", "dim": 16, "groups": 1, "blocks": 2, "heads": 2, "split_size": [2, 4]}


@pytest.fixture
def loaded(tmp_path, places):
    data = {"mode": "reference", "lr": "from_hr", "lr_up": "from_lr", "ref_down": "from_ref", "n_workers": 0}
    data |= {"dataroot_GT": str(places / "HR"), "dataroot_Ref": str(places / "Ref"), "ref_missing": 0.3}
    contents = {
        "name": "gated",
        "model": "regression",
        "scale": 4,
        "seed": 3,
        "gpu_ids": [],
        "datasets": {"train": {**data, "batch_size": 2, "GT_size": 16}},
        "network_G": {"which_model_G": "GatedTransfer", "base": DAT, "front": FRONT, "nf": 4, "n_blocks": 1},
        "path": {"root": str(tmp_path)},
        "train": {"niter": 4, "lr_G": 1e-2, "ema_decay": 0.5, "val_freq": 0},
        "logger": {"print_freq": 1, "save_checkpoint_freq": 2},
    }
    file = tmp_path / "gated.yml"
    file.write_text(yaml.safe_dump(contents))
    return lambda *words: load_options(file, words)


def model_file(path: Path, network: str, seed: int = 9, **keywords: Any) -> tuple[Path, dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    spec = NetworkSpec(network, keywords)
    weights = spec.build().state_dict()
    write_model(path, weights, ModelCard(spec, "regression"))
    return path, weights


def test_frozen_parts_stay_to_the_bit_and_the_run_goes_on_to_the_same_bits(loaded):
    words = ["train.freeze=[base]"]
    start = build_task(loaded(*words)).networks["G"].state_dict()
    whole = train(loaded(*words, "name=whole"), ALONE).folder / "checkpoints"
    parts = train(loaded(*words, "name=parts", f"path.resume_state={whole / '2'}"), ALONE).folder / "checkpoints"
    at_once, resumed = (read_checkpoint(folder / "4").weights for folder in (whole, parts))
    for name, weights in at_once.items():
        assert all(torch.equal(one, resumed[name][key]) for key, one in weights.items())
        kept = {key for key, one in weights.items() if torch.equal(one, start[key])}
        assert "front" in {key.split(".")[0] for key in set(weights) - kept}
        assert kept >= {key for key in weights if key.startswith("base.")}


def test_a_part_that_is_not_there_cannot_be_frozen(loaded):
    with pytest.raises(UsageError, match=r"has no part 'bsae'; did you mean 'base'\? \(it has front, base"):
        build_task(loaded("train.freeze=[bsae]"))


def test_a_base_starts_from_a_model_of_its_own_network(loaded, tmp_path):
    keywords = {key: value for key, value in DAT.items() if key != "which_model_G"}
    file, weights = model_file(tmp_path / "dat.safetensors", "DAT", scale=4, channels=3, **keywords)
    base = build_task(loaded(f"path.pretrain_base={file}", "train.freeze=[base]")).networks["G"].get_submodule("base")
    assert all(torch.equal(one, weights[key]) for key, one in base.state_dict().items())


def test_base_and_front_start_from_another_gated_transfer(loaded, tmp_path):
    options = loaded()
    keywords = {**options.network_G.parameters, "nf": 6}
    file, weights = model_file(tmp_path / "first.safetensors", "GatedTransfer", **keywords)
    network = build_task(loaded(f"path.pretrain_base={file}", f"path.pretrain_front={file}")).networks["G"]
    for name in ("base", "front"):
        found = network.get_submodule(name).state_dict()
        assert found
        assert all(torch.equal(one, weights[f"{name}.{key}"]) for key, one in found.items())


def test_weights_of_another_function_are_refused(loaded, tmp_path):
    keywords = {key: value for key, value in DAT.items() if key != "which_model_G"}

    def refused(answer: str, network: str, *words: str, key: str = "base", **changed: Any) -> None:
        file, _ = model_file(tmp_path / "other.safetensors", network, **changed)
        with pytest.raises(DataError, match=answer):
            build_task(loaded(f"path.pretrain_{key}={file}", *words))

    refused(r"was trained at scale 2, not 4", "DAT", **keywords, scale=2)
    other = {**keywords, "split_size": [4, 8]}
    refused(r"was trained with split_size \[4, 8\], network_G\.base\.split_size is \[2, 4\]", "DAT", **other)
    refused("holds EDSR, expected DAT or GatedTransfer with a base", "EDSR", nf=4, n_blocks=1)
    refused("holds EDSR, expected CompactNet or GatedTransfer with a front", "EDSR", key="front", nf=4, n_blocks=1)
    edsr = {"which_model_G": "EDSR", "nf": 4, "n_blocks": 1}
    refused("its base is EDSR, network_G.base is DAT", "GatedTransfer", base=edsr)
    refused(
        "holds GatedTransfer, expected CompactNet or GatedTransfer with a front",
        "GatedTransfer",
        key="front",
        base=edsr,
    )


def test_mistakes_in_the_section_of_a_base_are_named(loaded):
    with pytest.raises(OptionsError, match=r"network_G\.base: EDSR: unknown keyword 'nff'; did you mean 'nf'"):
        loaded("network_G.base={which_model_G: EDSR, nff: 4}")


def test_defaults_of_a_base_go_into_the_model_file(loaded):
    """So that a file stays what it is if a default changes."""
    parameters = loaded("network_G.base={which_model_G: EDSR, nf: 4}").network_G.parameters
    assert parameters["base"] == {
        "which_model_G": "EDSR",
        "nf": 4,
        "n_blocks": 16,
        "residual_scale": 1.0,
        "span": 255.0,
    }
