"""FID's Inception v3: TensorFlow's graph of 2015, whose pooling differs from torchvision's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 299
FEATURES = 2048

Kernel = tuple[int, int]
Step = tuple[str, int, Kernel]
"""Published name of a convolution, its output channels, its kernel."""
Branch = Sequence[Step | tuple[Step, Step]]
"""Convolutions in sequence; a pair of them runs in parallel."""

ONE, THREE, FIVE = (1, 1), (3, 3), (5, 5)


class Convolution(nn.Module):
    """(B, C, H, W) -> (B, D, H', W'): convolution, batch norm, ReLU."""

    def __init__(self, channels: int, width: int, kernel: Kernel, stride: int = 1, padding: Kernel = (0, 0)) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=0.001)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(features)))


class InceptionBlock(nn.Module):
    """(B, C, H, W) -> branches and a pooling branch, concatenated.

    `average` and `maximum` keep the sides, with a convolution `branch_pool` behind the pooling. `downsample` halves the
    sides, and so does the last convolution of each branch.
    """

    def __init__(self, channels: int, branches: Sequence[Branch], pool: str, pool_width: int = 0) -> None:
        super().__init__()
        self.branches, self.pool = branches, pool
        self.width = pool_width or channels
        for branch in branches:
            width = channels
            for step in branch:
                last = pool == "downsample" and step is branch[-1]
                width = sum(self._add(one, width, last) for one in _parallel(step))
            self.width += width
        if pool_width:
            self.branch_pool = Convolution(channels, pool_width, ONE)

    def _add(self, step: Step, channels: int, downsample: bool) -> int:
        name, width, kernel = step
        # Layers that keep the sides are padded, those that halve them are not.
        padding = (0, 0) if downsample else (kernel[0] // 2, kernel[1] // 2)
        self.add_module(name, Convolution(channels, width, kernel, 2 if downsample else 1, padding))
        return width

    def forward(self, features: Tensor) -> Tensor:
        outputs = []
        for branch in self.branches:
            values = features
            for step in branch:
                values = torch.cat([self.get_submodule(name)(values) for name, _, _ in _parallel(step)], dim=1)
            outputs.append(values)
        return torch.cat([*outputs, self._pooled(features)], dim=1)

    def _pooled(self, features: Tensor) -> Tensor:
        if self.pool == "downsample":
            return F.max_pool2d(features, 3, stride=2)
        if self.pool == "maximum":
            pooled = F.max_pool2d(features, 3, stride=1, padding=1)
        else:
            # Unlike torchvision's, this network does not count the padding's zeros in the average.
            pooled = F.avg_pool2d(features, 3, stride=1, padding=1, count_include_pad=False)
        branch: Tensor = self.branch_pool(pooled)
        return branch


def _parallel(step: Step | tuple[Step, Step]) -> Sequence[Step]:
    return [step] if isinstance(step[0], str) else step


def _mixed_5(pool_width: int, channels: int) -> InceptionBlock:
    branches: Sequence[Branch] = (
        [("branch1x1", 64, ONE)],
        [("branch5x5_1", 48, ONE), ("branch5x5_2", 64, FIVE)],
        [("branch3x3dbl_1", 64, ONE), ("branch3x3dbl_2", 96, THREE), ("branch3x3dbl_3", 96, THREE)],
    )
    return InceptionBlock(channels, branches, "average", pool_width)


def _mixed_6a(channels: int) -> InceptionBlock:
    branches: Sequence[Branch] = (
        [("branch3x3", 384, THREE)],
        [("branch3x3dbl_1", 64, ONE), ("branch3x3dbl_2", 96, THREE), ("branch3x3dbl_3", 96, THREE)],
    )
    return InceptionBlock(channels, branches, "downsample")


def _mixed_6(inner: int, channels: int) -> InceptionBlock:
    row, column = (1, 7), (7, 1)
    branches: Sequence[Branch] = (
        [("branch1x1", 192, ONE)],
        [("branch7x7_1", inner, ONE), ("branch7x7_2", inner, row), ("branch7x7_3", 192, column)],
        [
            ("branch7x7dbl_1", inner, ONE),
            ("branch7x7dbl_2", inner, column),
            ("branch7x7dbl_3", inner, row),
            ("branch7x7dbl_4", inner, column),
            ("branch7x7dbl_5", 192, row),
        ],
    )
    return InceptionBlock(channels, branches, "average", 192)


def _mixed_7a(channels: int) -> InceptionBlock:
    branches: Sequence[Branch] = (
        [("branch3x3_1", 192, ONE), ("branch3x3_2", 320, THREE)],
        [
            ("branch7x7x3_1", 192, ONE),
            ("branch7x7x3_2", 192, (1, 7)),
            ("branch7x7x3_3", 192, (7, 1)),
            ("branch7x7x3_4", 192, THREE),
        ],
    )
    return InceptionBlock(channels, branches, "downsample")


def _mixed_7(pool: str, channels: int) -> InceptionBlock:
    row, column = (1, 3), (3, 1)
    branches: Sequence[Branch] = (
        [("branch1x1", 320, ONE)],
        [("branch3x3_1", 384, ONE), (("branch3x3_2a", 384, row), ("branch3x3_2b", 384, column))],
        [
            ("branch3x3dbl_1", 448, ONE),
            ("branch3x3dbl_2", 384, THREE),
            (("branch3x3dbl_3a", 384, row), ("branch3x3dbl_3b", 384, column)),
        ],
    )
    return InceptionBlock(channels, branches, pool, 192)


class Inception(nn.Module):
    """(B, 3, H, W) in [0, 255] -> (B, 2048): the features that FID compares.

    Images are resized to 299 x 299 as torchmetrics does by default: bilinear with antialiasing.
    """

    num_features = FEATURES
    """Read by torchmetrics."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, THREE, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, THREE)
        self.Conv2d_2b_3x3 = Convolution(32, 64, THREE, padding=(1, 1))
        self.Conv2d_3b_1x1 = Convolution(64, 80, ONE)
        self.Conv2d_4a_3x3 = Convolution(80, 192, THREE)
        self.Mixed_5b = _mixed_5(32, 192)
        self.Mixed_5c = _mixed_5(64, self.Mixed_5b.width)
        self.Mixed_5d = _mixed_5(64, self.Mixed_5c.width)
        self.Mixed_6a = _mixed_6a(self.Mixed_5d.width)
        self.Mixed_6b = _mixed_6(128, self.Mixed_6a.width)
        self.Mixed_6c = _mixed_6(160, self.Mixed_6b.width)
        self.Mixed_6d = _mixed_6(160, self.Mixed_6c.width)
        self.Mixed_6e = _mixed_6(192, self.Mixed_6d.width)
        self.Mixed_7a = _mixed_7a(self.Mixed_6e.width)
        self.Mixed_7b = _mixed_7("average", self.Mixed_7a.width)
        self.Mixed_7c = _mixed_7("maximum", self.Mixed_7b.width)

    def forward(self, images: Tensor) -> Tensor:
        sized = F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        values = (sized - 128) / 128
        for name, layer in self.named_children():
            values = layer(values)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                values = F.max_pool2d(values, 3, stride=2)
        return values.mean(dim=(2, 3))

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Loads the published tensors; those of the classifier are ignored."""
        wanted = self.state_dict()
        # Counters used in training only, which older files do not have.
        counters = {key: value for key, value in wanted.items() if key.endswith("num_batches_tracked")}
        self.load_state_dict(counters | {key: value for key, value in state.items() if key in wanted})
