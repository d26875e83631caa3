from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from network_contract import NetworkContract
from torch import nn

from refsr.networks.compactnet import CompactNet


class TestCompactNet(NetworkContract):
    scales = (1, 2, 3, 4, 8)

    def build(self, scale: int = 1, channels: int = 3) -> nn.Module:
        return CompactNet(scale, channels, nf=4, n_blocks=1)


class TestJpegAwareCompactNet(NetworkContract):
    scales = (1, 4)
    bounded = False
    enough = 24

    def build(self, scale: int = 1, channels: int = 3) -> nn.Module:
        return CompactNet(scale, channels, nf=4, n_blocks=1, jpeg_aware=True)


@pytest.mark.parametrize("scale", [1, 3, 4])
def test_it_starts_at_lr_enlarged_bilinearly(scale):
    image = torch.rand(1, 3, 9, 7)
    enlarged = image if scale == 1 else F.interpolate(image, scale_factor=scale, mode="bilinear")
    assert torch.equal(CompactNet(scale)(image), enlarged)
