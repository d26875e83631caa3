"""AlexNet, VGG16 and VGG19 as feature extractors, plain and shift-tolerant; layers are numbered as in torchvision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pool = Callable[[int], Sequence[nn.Module]]
"""Number of channels -> the pooling layers."""

VGG16_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG19_STAGES = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)
VGG16_SMALLEST = 16
BLURRED_VGG16_SMALLEST = 18
ALEXNET_SMALLEST = 31
"""Shortest sides (pixels) that leave a pixel at the last features."""


class Backbone(nn.Module):
    """(B, 3, H, W) -> five feature maps, each taken behind one of the `taps`."""

    def __init__(self, layers: Sequence[nn.Module], taps: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers[: taps[-1] + 1])
        self.taps = tuple(taps)

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for index, layer in enumerate(self.layers):
            image = layer(image)
            if index in self.taps:
                features.append(image)
        return features

    def load_features(self, state: Mapping[str, Tensor]) -> None:
        """Loads tensors named `INDEX.weight`; those of layers behind the last tap are ignored."""
        wanted = self.layers.state_dict()
        self.layers.load_state_dict({key: value for key, value in state.items() if key in wanted})


class BlurPool(nn.Module):
    """(B, C, H, W) -> (B, C, ceil(H / 2) + 1, ceil(W / 2) + 1): 3x3 binomial blur with reflection padding of two."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", torch.outer(taps, taps).expand(channels, 1, 3, 3).clone())

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(F.pad(features, (2, 2, 2, 2), "reflect"), self.kernel, stride=2, groups=features.shape[1])


class L2Pool(nn.Module):
    """(B, C, H, W) -> (B, C, ceil(H / 2), ceil(W / 2)): L2 pooling with a 3x3 Hann window, as in DISTS."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0]) / 4
        kernel = torch.outer(taps, taps).expand(channels, 1, 3, 3).clone()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        power = F.conv2d(features**2, self.kernel, stride=2, padding=1, groups=features.shape[1])
        return (power + 1e-12).sqrt()


def max_pool(channels: int) -> Sequence[nn.Module]:
    """Max pooling, as in VGG16."""
    return [nn.MaxPool2d(2)]


def l2_pool(channels: int) -> Sequence[nn.Module]:
    """L2 pooling, as in DISTS."""
    return [L2Pool(channels)]


def blurred_max_pool(channels: int) -> Sequence[nn.Module]:
    """Shift-tolerant LPIPS' pooling: max pooling of stride one, then a blurred downsampling."""
    return [nn.MaxPool2d(2, stride=1), BlurPool(channels)]


def vgg16(pool: Pool = max_pool) -> Backbone:
    """VGG16, tapped behind the last convolution of each stage and its ReLU."""
    layers, ends = _vgg(VGG16_STAGES, pool)
    return Backbone(layers, ends)


def vgg16_43() -> Backbone:
    """VGG16, tapped at the fourth stage's third convolution before its ReLU, as in SpecGAN's perceptual loss."""
    layers, ends = _vgg(VGG16_STAGES, max_pool)
    return Backbone(layers, (ends[3] - 1,))


def vgg19_54() -> Backbone:
    """VGG19, tapped at the last stage's last convolution before its ReLU, as in perceptual losses."""
    layers, ends = _vgg(VGG19_STAGES, max_pool)
    return Backbone(layers, (ends[-1] - 1,))


def shift_tolerant_vgg16_53() -> Backbone:
    """VGG16 with blurred pooling, tapped at the last stage's last convolution before its ReLU."""
    layers, ends = _vgg(VGG16_STAGES, blurred_max_pool)
    return Backbone(layers, (ends[-1] - 1,))


def _vgg(stages: Sequence[Sequence[int]], pool: Pool) -> tuple[list[nn.Module], list[int]]:
    """The layers, and the index of each stage's last one."""
    layers: list[nn.Module] = []
    ends = []
    channels = 3
    for stage in stages:
        if layers:
            layers += pool(channels)
        for width in stage:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        ends.append(len(layers) - 1)
    return layers, ends


def alexnet() -> Backbone:
    """AlexNet in torchvision's form, tapped behind each of its convolutions."""
    layers = [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        *_last_convolutions(),
    ]
    return Backbone(layers, (1, 4, 7, 9, 11))


def shift_tolerant_alexnet() -> Backbone:
    """AlexNet with blurred pooling in place of every stride, that of the first convolution too."""
    layers = [
        nn.Conv2d(3, 64, 11, padding=2),
        BlurPool(64),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=1),
        BlurPool(64),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=1),
        BlurPool(192),
        *_last_convolutions(),
    ]
    return Backbone(layers, (2, 6, 10, 12, 14))


def _last_convolutions() -> list[nn.Module]:
    return [
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    ]


def features_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A torchvision file's tensors `features.INDEX.weight`, under `Backbone.load_features`'s keys `INDEX.weight`."""
    return {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}


def shift_tolerant_layers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of a shift-tolerant LPIPS file: `net.sliceN.INDEX.weight`, blur kernels named `filt`."""
    layers = {key.split(".", 2)[2]: value for key, value in state.items() if key.startswith("net.slice")}
    return {key.replace(".filt", ".kernel"): value for key, value in layers.items()}


class Features(nn.Module):
    """(B, 3, H, W) in [0, 1] -> the last features of a frozen backbone, behind ImageNet's normalization."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        for parameter in backbone.parameters():
            parameter.requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.backbone((image - self.mean) / self.std)[-1]
        return features
