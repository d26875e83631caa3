"""A small model file with random weights, and a place seen twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from refsr.networks.blocks.dcn import DCNv2
from refsr.networks.descriptor import NetworkSpec
from refsr.ops.resize import imresize
from refsr.runs.model_file import ModelCard, write_model


def write_random(path, channels=3, scale=2):
    """A model file of an untrained RRSNet."""
    spec = NetworkSpec("RRSNet", {"scale": scale, "channels": channels, "nf": 8, "n_blocks": 0, "deformable_groups": 2})
    torch.manual_seed(0)
    network = spec.build()
    # So large that every input counts: a fresh network moves no point, so lr_up and ref_down would change nothing.
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=0.1)
        elif isinstance(layer, DCNv2):
            nn.init.kaiming_normal_(layer.weight)
    network.texture.to_image.weight.data *= 0.05
    write_model(path, network.state_dict(), ModelCard(spec, "RRSNet_model", {"weights": "random"}))
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return write_random(tmp_path_factory.mktemp("model") / "w.safetensors")


@pytest.fixture(scope="session")
def grey_model(tmp_path_factory):
    return write_random(tmp_path_factory.mktemp("model") / "grey.safetensors", channels=1)


@pytest.fixture(scope="session")
def scene():
    """LR (12, 9, 3) and Ref (24, 18, 3) in uint8."""
    draw = np.random.default_rng(5)
    return tuple(
        imresize(draw.integers(0, 256, (side // 3, side // 4, 3), np.uint8), size=(side, side * 3 // 4))
        for side in (12, 24)
    )
