"""DRR, the dense-restore-residual block of RGTGAN, and the activation and init that GTEM shares with it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.receptive_field import ReceptiveField

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def init_as_transposed(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer, initialized as torch initializes a transposed convolution: by its fan-out, not by its fan-in.

    The published layers are transposed convolutions of stride one, which equal ordinary ones with flipped kernels.
    """
    bound = 1 / math.sqrt(layer.out_channels * layer.weight[0, 0].numel())
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound)
    return layer


def leaky_selu_(x: Tensor) -> Tensor:
    """A SELU followed by a leaky ReLU of slope 0.01, in place.

    As one in-place step it keeps one tensor for the backward pass, where the two steps would keep three.
    """
    result: Tensor = torch.ops.aten.elu_(x, 0.01 * SELU_ALPHA, SELU_SCALE)
    return result


BRANCHES = 3


class ThreeBranchDenseBlock(nn.Module):
    """DRR's dense block, (B, C, H, W) -> a residual (B, C, H, W): `rounds` of exchange between three branches.

    In a round each branch applies a 3x3 convolution of its own; then a 1x1 convolution of each branch joins the three
    results and the branch's feature from before.
    """

    checkpoint_separately = True
    """It runs several times with the same weights; with activation checkpointing each run is recomputed apart."""

    def __init__(self, channels: int, rounds: int) -> None:
        super().__init__()
        self.channels, self.rounds = channels, rounds
        self.conv3x3 = nn.ModuleList(
            init_as_transposed(nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(BRANCHES)
        )
        self.conv1x1 = nn.ModuleList(init_as_transposed(nn.Conv2d(4 * channels, channels, 1)) for _ in range(BRANCHES))
        self.fuse = init_as_transposed(nn.Conv2d(BRANCHES * channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        # The branches are concatenated in one tensor, so the joined 3x3 results are kept once, not once a branch: half
        # the memory of three convolutions that each concatenate their inputs.
        spatial, spatial_bias = _stacked(self.conv3x3)
        pointwise, pointwise_bias = _stacked(self.conv1x1)
        of_all, of_own = pointwise[:, : -self.channels], pointwise[:, -self.channels :]
        branches = x
        for _ in range(self.rounds):
            # One group in the first round, when all branches are equal.
            groups = branches.shape[1] // self.channels
            joined = leaky_selu_(F.conv2d(branches, spatial, spatial_bias, padding=1, groups=groups))
            own = F.conv2d(branches, of_own, groups=groups)
            branches = leaky_selu_(F.conv2d(joined, of_all, pointwise_bias) + own)
        return leaky_selu_(self.fuse(branches))


class DenseRestoreResidual(nn.Module):
    """DRR, (B, C, H, W) -> (B, C, H, W): one dense block applied `repeats` times, each time added to its input."""

    def __init__(self, channels: int, repeats: int = 3, rounds: int = 3) -> None:
        super().__init__()
        self.repeats = repeats
        self.dense = ThreeBranchDenseBlock(channels, rounds)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.repeats):
            x = x + self.dense(x)
        return x

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The input pixels that these output pixels depend on."""
        return output.conv(times=self.repeats * (self.dense.rounds + 1))


def _stacked(layers: Iterable[nn.Module]) -> tuple[Tensor, Tensor]:
    """Kernels and biases of several convolutions, concatenated along their outputs."""
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    biases = [layer.bias for layer in convolutions if layer.bias is not None]
    return torch.cat([layer.weight for layer in convolutions]), torch.cat(biases)
