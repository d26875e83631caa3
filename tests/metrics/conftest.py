"""Weight files as people bring them, but drawn: no package ships these backbones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from scenes import drawn_for

from refsr.metrics.inception import Inception
from refsr.metrics.weight_files import WEIGHT_FILES
from refsr.networks import backbones as backbones


@pytest.fixture(scope="session")
def drawn_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with AlexNet, VGG16 and Inception under their published names and keys, classifiers and all."""
    folder = tmp_path_factory.mktemp("weights")
    states = {
        "alexnet": {f"features.{key}": value for key, value in drawn_for(backbones.alexnet().layers).items()},
        "vgg16": {f"features.{key}": value for key, value in drawn_for(backbones.vgg16().layers).items()},
        "inception": drawn_for(Inception()),
    }
    with pytest.MonkeyPatch.context() as patch:
        for key, state in states.items():
            name = next(iter(WEIGHT_FILES[key].names))
            torch.save(state | {"classifier.1.weight": torch.zeros(2), "fc.bias": torch.zeros(1008)}, folder / name)
            # Their digests cannot be the published ones.
            patch.setitem(WEIGHT_FILES[key].names, name, "")
        yield folder
