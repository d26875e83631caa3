from __future__ import annotations

from typing import Any

import pytest
import torch
from network_contract import NetworkContract
from torch import nn

from refsr.core.errors import UsageError
from refsr.networks.artifact_removal import ArtifactRemoval
from refsr.networks.descriptor import Descriptor


class TestArtifactRemoval(NetworkContract):
    scales = (1,)

    def build(self, scale: int = 1, channels: int = 3) -> nn.Module:
        return ArtifactRemoval(scale, channels, nf=4, n_blocks=1)

    def made(self, scale: int = 1, channels: int = 3, live: bool = False) -> tuple[Any, Descriptor]:
        return super().made(scale, channels, live)


def test_it_starts_as_its_input():
    image = torch.rand(1, 3, 9, 7)
    assert torch.equal(ArtifactRemoval()(image), image)


def test_it_keeps_the_size():
    with pytest.raises(UsageError, match="scale is 4; it keeps the size, expected 1"):
        ArtifactRemoval(scale=4)
