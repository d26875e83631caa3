"""A small run, for the rooms that need one: an option file for a tiny network on the drawn places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.runs.process_group import ALONE
from refsr.training.trainer import TrainingResult, train

Making = Callable[..., Options]


def written(folder: Path, places: Path) -> Path:
    """The option file of the small run."""
    data = {
        "mode": "reference",
        "dataroot_GT": str(places / "HR"),
        "dataroot_Ref": str(places / "Ref"),
        "lr": "from_hr",
        "lr_up": "from_lr",
        "ref_down": "from_ref",
    }
    content = {
        "name": "small",
        "model": "RRSNet_model",
        "scale": 4,
        "seed": 3,
        "gpu_ids": [],
        "datasets": {
            "train": {**data, "n_workers": 0, "batch_size": 4, "GT_size": 16, "use_flip": True, "use_rot": True},
            "val": dict(data),
        },
        "network_G": {"which_model_G": "RRSNet", "nf": 4, "n_blocks": 1, "deformable_groups": 1},
        "path": {"root": str(folder / "exp")},
        "train": {"niter": 6, "lr_G": 1.0e-3, "gradient_pixel_weight": 0.1, "ema_decay": 0.5, "val_freq": 0},
        "val": {"max_images": 2},
        "logger": {"print_freq": 1, "save_checkpoint_freq": 2},
    }
    file = folder / "small.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


@pytest.fixture
def option_file(tmp_path: Path, places: Path) -> Path:
    return written(tmp_path, places)


@pytest.fixture
def options(option_file: Path) -> Making:
    """The small run's options under `key=value` words."""
    return lambda *words: load_options(option_file, words)


@pytest.fixture
def trained(options: Making) -> Callable[..., TrainingResult]:
    """Runs it in this process."""
    return lambda *words: train(options(*words), ALONE)
