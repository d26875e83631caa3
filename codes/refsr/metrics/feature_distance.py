"""LPIPS and shift-tolerant LPIPS: distances of deep features of a pretrained backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from refsr.metrics.base import ImageMetric, TargetFeatures, TensorMetric
from refsr.metrics.building import MetricConfig
from refsr.metrics.fidelity import PEAK
from refsr.metrics.weight_files import read, require
from refsr.networks import backbones as backbones

# ImageNet's mean and std on [-1, 1], as LPIPS rounds them.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-10


class FeatureDistance(nn.Module):
    """Two images (B, 3, H, W) in [-1, 1] -> (B,), 0 where they are equal."""

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: backbones.Backbone, heads: Sequence[Tensor]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ParameterList([nn.Parameter(head) for head in heads])
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        return self.distance(self.features(image), self.features(target))

    def features(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> five feature maps, normalized to unit length at each pixel."""
        return [normalize_features(features) for features in self.backbone((image - self.shift) / self.scale)]

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """(B,) of two images' features."""
        layers = [
            ((a - b).square() * head).sum(dim=1).mean(dim=(1, 2))
            for a, b, head in zip(first, second, self.heads, strict=True)
        ]
        return torch.stack(layers).sum(dim=0)


def normalize_features(features: Tensor) -> Tensor:
    """(B, C, H, W) normalized to unit length at every pixel."""
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + EPSILON)


def feature_distance(
    backbone: backbones.Backbone, tensors: Mapping[str, Tensor], heads: Mapping[str, Tensor]
) -> FeatureDistance:
    """LPIPS of a backbone's tensors (`INDEX.weight`) and of heads under their published keys."""
    backbone.load_features(tensors)
    return FeatureDistance(backbone, [heads[f"lin{index}.model.1.weight"] for index in range(len(backbone.taps))])


def shift_tolerant(backbone: backbones.Backbone, state: Mapping[str, Tensor]) -> FeatureDistance:
    """LPIPS of one file: the backbone and the heads."""
    return feature_distance(backbone, backbones.shift_tolerant_layers(state), state)


def lpips(config: MetricConfig) -> ImageMetric:
    """The published LPIPS."""
    files = require("alexnet", config.weights), require("lpips-heads", config.weights)
    return _tensor_metric(config, _lpips(*files), backbones.ALEXNET_SMALLEST)


def st_lpips(config: MetricConfig) -> ImageMetric:
    """Shift-tolerant LPIPS on VGG16."""
    return _tensor_metric(config, _st_lpips(require("st-lpips-vgg", config.weights)), backbones.BLURRED_VGG16_SMALLEST)


def st_lpips_alex(config: MetricConfig) -> ImageMetric:
    """Shift-tolerant LPIPS on AlexNet."""
    return _tensor_metric(config, _st_lpips_alex(require("st-lpips-alex", config.weights)), backbones.ALEXNET_SMALLEST)


def _tensor_metric(config: MetricConfig, network: FeatureDistance, smallest: int) -> ImageMetric:
    target_features = TargetFeatures(network.to(config.device).features)

    def score(image: Tensor, target: Tensor) -> float:
        first, second = (values / (PEAK / 2) - 1 for values in (image, target))
        return float(network.distance(network.features(first), target_features(second)))

    return TensorMetric(config.metric, score, smallest, config.device, single=True)


# One network a process, shared by all methods and protocols.
@lru_cache(maxsize=1)
def _lpips(backbone: Path, heads: Path) -> FeatureDistance:
    return feature_distance(
        backbones.alexnet(), backbones.features_of(read("alexnet", backbone)), read("lpips-heads", heads)
    )


@lru_cache(maxsize=1)
def _st_lpips(file: Path) -> FeatureDistance:
    return shift_tolerant(backbones.vgg16(backbones.blurred_max_pool), read("st-lpips-vgg", file))


@lru_cache(maxsize=1)
def _st_lpips_alex(file: Path) -> FeatureDistance:
    return shift_tolerant(backbones.shift_tolerant_alexnet(), read("st-lpips-alex", file))
