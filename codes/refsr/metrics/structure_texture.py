"""DISTS: structure and texture of two images, compared in VGG16's features."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from refsr.metrics.base import ImageMetric, TargetFeatures, TensorMetric
from refsr.metrics.building import MetricConfig
from refsr.metrics.fidelity import PEAK
from refsr.metrics.weight_files import read, require
from refsr.networks import backbones as backbones

# ImageNet's mean and std on [0, 1].
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STABILISER = 1e-6


class StructureTexture(nn.Module):
    """Two images (B, 3, H, W) in [0, 1] -> (B,), 0 where they are equal."""

    mean: Tensor
    std: Tensor
    texture: Tensor
    structure: Tensor

    def __init__(self, backbone: backbones.Backbone, texture: Tensor, structure: Tensor) -> None:
        super().__init__()
        self.backbone = backbone
        whole = texture.sum() + structure.sum()
        self.register_buffer("texture", (texture / whole).flatten())
        self.register_buffer("structure", (structure / whole).flatten())
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        return self.distance(self.features(image), self.features(target))

    def features(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> itself and five maps."""
        return [image, *self.backbone((image - self.mean) / self.std)]

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """(B,) of two images' features."""
        textures, structures = zip(*(similarities(a, b) for a, b in zip(first, second, strict=True)), strict=True)
        return 1 - torch.cat(textures, dim=1) @ self.texture - torch.cat(structures, dim=1) @ self.structure


def similarities(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps (B, C, H, W) -> (B, C) the similarity of their means (texture) and of their covariance (structure)."""
    means = [features.mean(dim=(2, 3), keepdim=True) for features in (first, second)]
    a, b = first - means[0], second - means[1]
    mean_a, mean_b = (mean[:, :, 0, 0] for mean in means)
    covariance = (a * b).mean(dim=(2, 3))
    variances = a.square().mean(dim=(2, 3)) + b.square().mean(dim=(2, 3))
    texture = (2 * mean_a * mean_b + STABILISER) / (mean_a.square() + mean_b.square() + STABILISER)
    return texture, (2 * covariance + STABILISER) / (variances + STABILISER)


def structure_texture(tensors: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> StructureTexture:
    """DISTS of VGG16's tensors (`INDEX.weight`) and the published `alpha` and `beta`."""
    backbone = backbones.vgg16(backbones.l2_pool)
    backbone.load_features(tensors)
    return StructureTexture(backbone, weights["alpha"], weights["beta"])


def dists(config: MetricConfig) -> ImageMetric:
    """The published DISTS."""
    network = _network(require("vgg16", config.weights), require("dists-weights", config.weights)).to(config.device)
    target_features = TargetFeatures(network.features)

    def score(image: Tensor, target: Tensor) -> float:
        return float(network.distance(network.features(image / PEAK), target_features(target / PEAK)))

    return TensorMetric(config.metric, score, backbones.VGG16_SMALLEST, config.device, single=True)


@lru_cache(maxsize=1)
def _network(backbone: Path, weights: Path) -> StructureTexture:
    return structure_texture(backbones.features_of(read("vgg16", backbone)), read("dists-weights", weights))
