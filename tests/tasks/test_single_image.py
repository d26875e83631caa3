"""Every network of a single image, under the task that trains it: a run that goes on ends as one that never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from refsr.core.options.load import load_options
from refsr.runs.checkpoint import Checkpoint, read_checkpoint
from refsr.runs.process_group import ALONE
from refsr.training.trainer import train

NETWORKS: dict[str, dict[str, Any]] = {
    "TSFNet": {"nf": 8, "n_blocks": 0, "heads": 2},
    "EDSR": {"nf": 4, "n_blocks": 1},
    "SRResNet": {"nf": 4, "n_blocks": 1, "norm": "batch"},
    "MSRResNet": {"nf": 4, "n_blocks": 1},
    "SwinIR": {"dim": 8, "groups": 1, "layers": 2, "heads": 2, "window": 4},
    "DAT": {"dim": 16, "groups": 1, "blocks": 2, "heads": 2, "split_size": [2, 4]},
}
STEPS, KEPT = 4, 2


def contents(folder: Path, name: str, network: str, places: Path) -> dict[str, Any]:
    data = {"mode": "single", "dataroot_GT": str(places / "HR"), "lr": "from_hr", "n_workers": 0}
    return {
        "name": name,
        "model": "TSFNet_model" if network == "TSFNet" else "SISR_model",
        "scale": 4,
        "seed": 3,
        "gpu_ids": [],
        "datasets": {"train": {**data, "batch_size": 2, "GT_size": 16, "use_flip": True, "use_rot": True}},
        "network_G": {"which_model_G": network, **NETWORKS[network]},
        "path": {"root": str(folder)},
        "train": {
            "niter": STEPS,
            "lr_G": 1e-3,
            "lr_scheme": "MultiStepLR",
            "lr_steps": [KEPT + 1],
            "ema_decay": 0.5,
            "val_freq": 0,
        },
        "logger": {"print_freq": 1, "save_checkpoint_freq": KEPT},
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_goes_on_from_a_checkpoint_to_the_same_bits(network, places, tmp_path):
    file = tmp_path / "run.yml"

    def ran(name: str, *words: str) -> Path:
        file.write_text(yaml.safe_dump(contents(tmp_path, name, network, places)))
        return train(load_options(file, words), ALONE).folder / "checkpoints"

    whole = ran("whole")
    parts = ran("parts", f"path.resume_state={whole / str(KEPT)}")
    one, other, kept = (tensors(read_checkpoint(at)) for at in (whole / "4", parts / "4", whole / str(KEPT)))
    assert not (parts / str(KEPT)).exists()
    assert one.keys() == other.keys() == kept.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
    changed = {key.split(".")[0] for key in one if not torch.equal(one[key], kept[key])}
    assert changed == {"G", "G_ema", "moments"}
    assert any("running_mean" in key and one[key].any() for key in one) == (network in ("SRResNet", "DAT"))


def tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Weights, averages and moments by what they belong to."""
    found = {f"{part}.{name}": one for part, state in checkpoint.weights.items() for name, one in state.items()}
    moments = checkpoint.optimisers.items()
    return found | {f"moments.{part}.{name}": one for part, state in moments for name, one in state.items()}
