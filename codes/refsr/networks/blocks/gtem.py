"""GTEM, the gradient texture enhancement module: a gradient map made better before it is encoded."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError, UsageError, suggestion
from refsr.networks.blocks.drr import DenseRestore
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.blocks.transposed import as_transposed, faint_selu_
from refsr.networks.blocks.window import Window

Enlarge = Literal["released", "pixel_shuffle"]
ENLARGEMENTS = ("released", "pixel_shuffle")

SHRINKS = 4
"""Sides are multiples of this: two halvings."""


class GradientEnhancement(nn.Module):
    """(B, in, H, W) -> (B, in, H, W), sides multiples of four; works at a quarter of them, C to 4C features wide.

    `enlarge` is how it doubles its size, twice, on the way back. The released code rearranges pixels so that what comes
    out is scrambled in space (`scrambled`); weights trained with it need it. `pixel_shuffle` is what was meant. The
    outer skip of the published module adds its input and subtracts it again; there is none here.
    """

    def __init__(self, in_channels: int, channels: int, blocks: int = 16, enlarge: Enlarge = "released") -> None:
        super().__init__()
        if enlarge not in ENLARGEMENTS:
            hint = suggestion(str(enlarge), ENLARGEMENTS)
            raise UsageError(f"GTEM: enlarge {enlarge!r} is not known{hint} (known: {', '.join(ENLARGEMENTS)})")
        self.scrambles = enlarge == "released"
        self.shrink = nn.ModuleList(
            [
                nn.Conv2d(in_channels, channels, 3, padding=1),
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
                nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
                nn.Conv2d(2 * channels, 4 * channels, 3, stride=2, padding=1),
                nn.Conv2d(4 * channels, channels, 3, padding=1),
            ]
        )
        self.restore = DenseRestore(channels)
        self.body = ResidualChain(channels, blocks)
        self.widen = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.attend = nn.ModuleList(
            as_transposed(nn.Conv2d(before * channels, after * channels, 3, padding=1))
            for before, after in ((1, 1), (1, 2), (2, 4))
        )
        self.narrow = as_transposed(nn.Conv2d(4 * channels, channels, 3, padding=1))
        self.enlarge = nn.ModuleList(as_transposed(nn.Conv2d(channels, 4 * channels, 3, padding=1)) for _ in range(2))
        self.leave = as_transposed(nn.Conv2d(channels, in_channels, 3, padding=1))

    def forward(self, gradients: Tensor) -> Tensor:
        if gradients.shape[2] % SHRINKS or gradients.shape[3] % SHRINKS:
            raise OperatorError(
                f"GTEM: a gradient map has shape {tuple(gradients.shape)}, its sides have to be multiples of {SHRINKS}"
            )
        x = gradients
        for at, layer in enumerate(self.shrink):
            # The second layer alone is followed by a plain SELU.
            x = F.selu(layer(x)) if at == 1 else faint_selu_(layer(x))
        attention = x
        for layer in self.attend:
            attention = faint_selu_(layer(attention))
        x = self.restore(x)
        x = faint_selu_(self.widen(self.body(x) + x))
        x = faint_selu_(self.narrow(attention.sigmoid() * x + x))
        for layer in self.enlarge:
            x = layer(x)
            x = faint_selu_(scrambled(x) if self.scrambles else F.pixel_shuffle(x, 2))
        return F.selu(self.leave(x))

    def sees(self, output: Window) -> Window:
        """The window of the input under one of the output, which begins at a multiple of four; not if released."""
        window = output.conv().pixel_shuffle().conv().pixel_shuffle().conv().conv()
        attention = window.conv(times=len(self.attend))
        quarter = self.restore.sees(self.body.sees(window.conv())).joined(attention)
        for layer in reversed(self.shrink):
            assert isinstance(layer, nn.Conv2d)
            quarter = quarter.conv(stride=layer.stride[0])
        return quarter


def scrambled(x: Tensor) -> Tensor:
    """(B, 4C, H, W) -> (B, C, 2H, 2W) as released: each row of pixels fills two rows, its left half the upper one.

    Every pixel's four values, channels 0, 2, 1, 3 of a group, stand next to each other, and the stream of them is cut
    into rows twice as long. An image of a batch is treated as one alone.
    """
    B, C, H, W = x.shape
    return x.view(B, C // 4, 2, 2, H, W).permute(0, 1, 4, 5, 3, 2).reshape(B, C // 4, 2 * H, 2 * W)
