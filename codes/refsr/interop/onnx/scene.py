"""Inputs of a network on which everything in it counts: one scene, and a reference that fits in part of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.networks.descriptor import Descriptor


def example(descriptor: Descriptor, height: int, width: int, seed: int = 0) -> dict[str, Tensor]:
    """Members (1, C, ...) that a network takes, for LR of a size, in [0, 1].

    LR is the scene reduced and the reference the scene itself with noise: references that show other ground would be
    shut out, and what they pass through would not be compared.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(channels: int, height: int, width: int) -> Tensor:
        return torch.rand(1, channels, height, width, generator=generator)

    scale, channels = descriptor.scale, descriptor.channels
    large = (height * scale, width * scale)
    smooth = F.interpolate(noise(channels, -(-height // 4), -(-width // 4)), size=large, mode="bicubic")
    scene = (0.6 * smooth + 0.4 * noise(channels, *large)).clamp(0, 1)
    lr = F.avg_pool2d(scene, scale)
    lr_up = F.interpolate(lr, size=large, mode="bilinear")
    ref = (0.9 * scene + 0.1 * noise(channels, *large)).clamp(0, 1)
    weight = torch.ones(1, 1, *large)
    weight[..., : large[1] // 4] = noise(1, large[0], large[1] // 4)
    members = {
        "lr": lr,
        "lr_up": lr_up,
        "ref": ref,
        "ref_down": F.interpolate(F.avg_pool2d(ref, scale), size=large, mode="bilinear"),
        "ref_weight": weight,
        "mask": noise(1, *large),
        "hsi": noise(max(1, descriptor.hsi_bands), height, width),
    }
    return {name: members[name] for name in descriptor.inputs}
