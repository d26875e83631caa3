"""The base of GatedTransfer from files: as if the network made it, checked, and cut as all other images are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from refsr.cli.main import main
from refsr.core.errors import DataError, OptionsError
from refsr.core.options.load import load_options
from refsr.data.build import build_dataset
from refsr.data.images import read_image, write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model
from refsr.runs.process_group import ALONE
from refsr.tasks.restore import single_pass
from refsr.training.setup import build_task, set_up_training
from refsr.training.trainer import train
from registered_places import write_places

FRONT: dict[str, Any] = {"which_model_G": "CompactNet", "nf": 4, "n_blocks": 1}
BASE: dict[str, Any] = {"which_model_G": "MSRResNet", "nf": 4, "n_blocks": 1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """Places, a model, and what it makes of their LR."""
    folder = tmp_path_factory.mktemp("base")
    write_places(folder / "places")
    torch.manual_seed(2)
    spec = NetworkSpec("GatedTransfer", {"base": BASE, "front": FRONT, "nf": 4, "n_blocks": 1})
    network = spec.build()
    with torch.no_grad():
        network.get_submodule("front.tail").weight.normal_(std=0.02)
        network.get_submodule("transfer.detail").weight.normal_(std=0.05)
    write_model(folder / "model.safetensors", network.state_dict(), ModelCard(spec, "regression"))
    words = ["restore", "--model", str(folder / "model.safetensors"), "--lr", str(folder / "places" / "LR")]
    for bits, name in (([], "Base8"), (["--bits", "16"], "Base")):
        assert main([*words, "-o", str(folder / "places" / name), *bits]) == 0
    return folder


@pytest.fixture
def loaded(prepared, tmp_path):
    def load(base: str | None, *words: str):
        roots = {"GT": "HR", "LQ": "LR", "Ref": "Ref"} | ({} if base is None else {"Base": base})
        data = {"mode": "reference", "lr_up": "from_lr", "ref_down": "from_ref", "register": "local"}
        data |= {"register_cache": str(prepared / "cache"), "n_workers": 0}
        data |= {f"dataroot_{key}": str(prepared / "places" / kind) for key, kind in roots.items()}
        train = {**data, "batch_size": 2, "GT_size": 64, "use_flip": True, "use_rot": True, "ref_missing": 0.2}
        contents = {
            "name": f"with_{base}",
            "model": "regression",
            "scale": 4,
            "seed": 3,
            "gpu_ids": [],
            "datasets": {"train": train, "val": data},
            "network_G": {"which_model_G": "GatedTransfer", "base": BASE, "front": FRONT, "nf": 4, "n_blocks": 1},
            "path": {"root": str(tmp_path), "pretrain_model_G": str(prepared / "model.safetensors")},
            "train": {"niter": 2, "lr_G": 1e-3, "val_freq": 2, "freeze": ["base", "front"]},
            "logger": {"print_freq": 1, "save_checkpoint_freq": 2},
        }
        file = tmp_path / "options.yml"
        file.write_text(yaml.safe_dump(contents))
        return load_options(file, words)

    return load


def test_restored_in_16_bits_nothing_is_lost(prepared, loaded):
    options = loaded("Base")
    network = build_task(options).networks["G"].eval()
    sample = build_dataset(options.datasets["val"], 4, 3)[0]
    with torch.no_grad():
        made = network.get_submodule("").single_image(sample["lr"][None])[0]  # type: ignore[operator]
    assert (made - sample["base"]).abs().max() < 0.6 / 65535
    eight, sixteen = (read_image(prepared / "places" / name / "0.png") for name in ("Base8", "Base"))
    assert (eight.dtype, sixteen.dtype) == (np.uint8, np.uint16)
    assert np.abs(eight * 257.0 - sixteen).max() <= 129


@pytest.mark.parametrize(("base", "most"), [("Base", 0.02), ("Base8", 1.0)])
def test_the_result_is_that_without_the_files(loaded, base, most):
    """On whole images, in grey levels."""
    with_files, without = loaded(base), loaded(None)
    network = build_task(with_files).networks["G"].eval()
    results = []
    for options in (with_files, without):
        dataset = build_dataset(options.datasets["val"], 4, 3)
        dataset.serve(network.get_submodule("").descriptor.inputs)  # type: ignore[union-attr]
        sample = {name: one[None] for name, one in dataset[1].items() if name != "name"}
        assert ("base" in sample) == (options is with_files)
        with torch.no_grad():
            results.append(single_pass(network, sample))
    assert 255 * (results[0] - results[1]).abs().max() < most


def test_it_is_cut_and_turned_as_hr_is(loaded, prepared):
    """Put HR in its place: it stays HR in every draw."""
    dataset = build_dataset(
        loaded("Base", f"datasets.train.dataroot_Base={prepared / 'places' / 'HR'}").datasets["train"], 4, 3
    )
    for draw in range(12):
        sample = dataset[draw % 3, draw]
        assert torch.equal(sample["base"], sample["hr"])


def test_training_takes_it_and_computes_no_base(loaded, monkeypatch):
    whole = train(loaded("Base"), ALONE)
    assert (whole.folder / "checkpoints" / "2").is_dir()
    setup = set_up_training(loaded("Base"), ALONE)
    network = setup.task.networks["G"]

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(network.get_submodule("base"), "forward", never)
    sample = setup.training_set[0, 0]
    batch = {name: one[None] for name, one in sample.items() if name != "name"}
    (phase,) = setup.task.phases(1)
    losses = phase.losses(network.train(), batch, None)  # type: ignore[arg-type]
    assert losses["l_g_pix"].requires_grad


def test_images_of_another_base_are_refused(loaded, prepared, tmp_path):
    for number in range(3):
        image = read_image(prepared / "places" / "Base8" / f"{number}.png")
        write_image(tmp_path / "other" / f"{number}.png", np.clip(image.astype(int) + 2, 0, 255).astype(np.uint8))
    options = loaded("Base", f"datasets.train.dataroot_Base={tmp_path / 'other'}")
    with pytest.raises(DataError, match=r"datasets\.train: the base of 0 is not what the network makes of LR: .* 2\.0"):
        set_up_training(options, ALONE)


def test_val_measures_with_it_and_refuses_another(loaded, prepared, tmp_path, capsys):
    loaded("Base")
    words = ["val", str(tmp_path / "options.yml"), "--no-images", "--weights", str(prepared / "model.safetensors")]
    scores = []
    for more in ([], ["datasets.val.dataroot_Base=null"]):
        assert main([*words, *more]) == 0
        line = next(line for line in capsys.readouterr().out.splitlines() if "with_Base" in line)
        scores.append([float(word) for word in re.findall(r"\d+\.\d+", line)])
    # The last digit may differ: the files have 16 bits.
    assert scores[0] == pytest.approx(scores[1], abs=2e-4)
    assert main([*words, f"datasets.val.dataroot_Base={prepared / 'places' / 'HR'}"]) == 1
    assert "is not what the network makes of LR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["train.freeze=[base]"], "is what front makes while train.freeze keeps it as it is"),
        (["train.freeze=[]"], "is what base makes while train.freeze keeps it as it is"),
        (
            ["datasets.train.lr=from_hr", "datasets.train.dataroot_LQ=null", "datasets.train.degradation=sensors"],
            "is made of one LR, and degradation draws LR anew",
        ),
        (["datasets.train.mode=change"], "has no place in mode change"),
    ],
)
def test_contradictions_are_named(loaded, words, answer):
    with pytest.raises(OptionsError, match=answer):
        loaded("Base", *words)


def test_16_bits_are_of_8(prepared, tmp_path, capsys):
    write_image(tmp_path / "lr.npy", np.zeros((8, 8, 3), np.float32))
    words = ["restore", "--model", str(prepared / "model.safetensors"), "--lr", str(tmp_path / "lr.npy")]
    assert main([*words, "-o", str(tmp_path / "out.npy"), "--bits", "16"]) == 2
    assert "--bits 16: is for LR of 8 bits" in capsys.readouterr().err
