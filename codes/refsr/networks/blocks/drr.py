"""DRR, the dense-restore-residual block: one dense block of three branches, run thrice with the same weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.transposed import as_transposed, faint_selu_
from refsr.networks.blocks.window import Window

BRANCHES = 3


class DenseBranches(nn.Module):
    """(B, C, H, W) -> a change to it (B, C, H, W): `rounds` in which each of three branches hears of all.

    In a round each branch looks around with a kernel of its own; then each mixes what all three saw with what it was
    before.
    """

    recomputed_apart = True
    """It runs several times with the same weights; activations of one run at a time are enough."""

    def __init__(self, channels: int, rounds: int) -> None:
        super().__init__()
        self.channels, self.rounds = channels, rounds
        self.look = nn.ModuleList(as_transposed(nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(BRANCHES))
        self.mix = nn.ModuleList(as_transposed(nn.Conv2d(4 * channels, channels, 1)) for _ in range(BRANCHES))
        self.join = as_transposed(nn.Conv2d(BRANCHES * channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        # The branches lie side by side in one tensor, and what all of them saw is kept once, not once a branch: half
        # the memory of three convolutions that each join their inputs.
        look, look_bias = _stacked(self.look)
        mix, mix_bias = _stacked(self.mix)
        hear, keep = mix[:, : -self.channels], mix[:, -self.channels :]
        branches = x
        for _ in range(self.rounds):
            # One group at first, when all branches are the same.
            groups = branches.shape[1] // self.channels
            seen = faint_selu_(F.conv2d(branches, look, look_bias, padding=1, groups=groups))
            before = F.conv2d(branches, keep, groups=groups)
            branches = faint_selu_(F.conv2d(seen, hear, mix_bias) + before)
        return faint_selu_(self.join(branches))


class DenseRestore(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): `repeats` changes by one dense block, each added to what came before."""

    def __init__(self, channels: int, repeats: int = 3, rounds: int = 3) -> None:
        super().__init__()
        self.repeats = repeats
        self.dense = DenseBranches(channels, rounds)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.repeats):
            x = x + self.dense(x)
        return x

    def sees(self, output: Window) -> Window:
        """The window of the input under a window of the output."""
        return output.conv(times=self.repeats * (self.dense.rounds + 1))


def _stacked(layers: Iterable[nn.Module]) -> tuple[Tensor, Tensor]:
    """Kernels and biases of several convolutions as those of one with all their outputs."""
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    biases = [layer.bias for layer in convolutions if layer.bias is not None]
    return torch.cat([layer.weight for layer in convolutions]), torch.cat(biases)
