"""DAT: self-attention in windows and among channels by turns, in residual groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import MeanShift, require_known, require_least
from refsr.networks.blocks.upsampling import Upsampler, transformer_tail
from refsr.networks.dat.attention import ChannelAttention, SpatialWindowAttention, init_linear
from refsr.networks.descriptor import Descriptor

ResiConnection = Literal["1conv", "3conv"]
RESI_CONNECTIONS = ("1conv", "3conv")
"""How a residual group ends: in a 3x3 convolution, or in three with a quarter of the channels between them."""
LEAST_DIM = 16
"""One sixteenth of the channels is the narrowest layer."""


class DAT(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w) of any size (Chen et al., ICCV 2023).

    The defaults are DAT-light. DAT has dim = 180, six groups of six blocks, expansion_factor = 4, `1conv` and
    `pixelshuffle`; DAT-S and DAT-2 have expansion_factor = 2, DAT-S also split_size = [8, 16]. Channel attention sees
    the whole image, so there is no halo. The published code trains with stochastic depth up to 0.1; here there is none.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        dim: int = 60,
        groups: int = 1,
        blocks: int = 18,
        heads: int = 6,
        split_size: Sequence[int] = (8, 32),
        expansion_factor: float = 2.0,
        resi_connection: ResiConnection = "3conv",
        upsampler: Upsampler = "pixelshuffledirect",
    ) -> None:
        require_least("DAT", 1, scale=scale, channels=channels, groups=groups, blocks=blocks)
        require_least("DAT", LEAST_DIM, dim=dim)
        require_least("DAT", 2, heads=heads)
        require_known("DAT", RESI_CONNECTIONS, resi_connection=resi_connection)
        if heads % 2:
            raise UsageError(f"DAT: heads is {heads}, expected an even number, half for windows of each orientation")
        if dim % heads:
            near = max(heads, round(dim / heads) * heads)
            raise UsageError(f"DAT: dim {dim} is no multiple of heads {heads}; {near} would be")
        window = _window(split_size)
        hidden = int(dim * expansion_factor)
        if hidden < 2 or hidden % 2:
            raise UsageError(
                f"DAT: expansion_factor {expansion_factor} makes {hidden} features of dim {dim}, expected an even count"
            )
        super().__init__()
        self.scale, self.channels, self.window = scale, channels, window
        self.mean_shift = MeanShift(channels)
        self.head = nn.Conv2d(channels, dim, 3, padding=1)
        self.norm_before_groups = nn.LayerNorm(dim)
        self.groups = nn.ModuleList(
            ResidualGroup(number, blocks, dim, heads, window, hidden, resi_connection) for number in range(groups)
        )
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = _group_conv(dim, resi_connection)
        self.tail = transformer_tail("DAT", upsampler, dim, channels, scale)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.head(self.mean_shift(lr))
        tokens = self.norm_before_groups(feature.permute(0, 2, 3, 1))
        for group in self.groups:
            tokens = group(tokens)
        feature = feature + self.conv_after_body(self.norm(tokens).permute(0, 3, 1, 2))
        return self.mean_shift.back(self.tail(feature))

    @property
    def descriptor(self) -> Descriptor:
        longest = max(self.window)
        return Descriptor(self.scale, self.channels, ("lr",), context=longest, tile_grid=longest)


class ResidualGroup(nn.Module):
    """RG, tokens (B, H, W, C) -> (B, H, W, C): blocks and a convolution, residual.

    Spatial and channel blocks take turns; every other spatial block, also from group to group, shifts its windows.
    """

    def __init__(
        self,
        number: int,
        blocks: int,
        channels: int,
        heads: int,
        window: tuple[int, int],
        hidden: int,
        resi_connection: ResiConnection,
    ) -> None:
        super().__init__()
        attentions: list[nn.Module] = []
        for block in range(blocks):
            if block % 2:
                attentions.append(ChannelAttention(channels, heads))
            else:
                shifted = (block // 2 + number) % 2 == 1
                attentions.append(SpatialWindowAttention(channels, heads, window, shifted))
        self.blocks = nn.ModuleList(AggregationBlock(channels, one, hidden) for one in attentions)
        self.conv = _group_conv(channels, resi_connection)

    def forward(self, tokens: Tensor) -> Tensor:
        before = tokens
        for block in self.blocks:
            tokens = block(tokens)
        residual: Tensor = self.conv(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return before + residual


class AggregationBlock(nn.Module):
    """DATB, tokens (B, H, W, C) -> (B, H, W, C): an attention and SGFN, each with layer norm and residual.

    With spatial attention it is a DSTB, with channel attention a DCTB.
    """

    def __init__(self, channels: int, attention: nn.Module, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = attention
        self.norm2 = nn.LayerNorm(channels)
        self.feed_forward = SpatialGateFeedForward(channels, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norm1(tokens))
        residual: Tensor = self.feed_forward(self.norm2(tokens))
        return tokens + residual


class SpatialGateFeedForward(nn.Module):
    """SGFN, tokens (B, H, W, C) -> (B, H, W, C): half of the hidden features gate the others by a convolution."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        half = hidden // 2
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(half, channels)
        self.gate_norm = nn.LayerNorm(half)
        self.gate_conv = nn.Conv2d(half, half, 3, padding=1, groups=half)
        for layer in (self.fc1, self.fc2):
            init_linear(layer)

    def forward(self, tokens: Tensor) -> Tensor:
        features, gate = F.gelu(self.fc1(tokens)).chunk(2, -1)
        gate = self.gate_conv(self.gate_norm(gate).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        result: Tensor = self.fc2(features * gate)
        return result


def _group_conv(channels: int, resi_connection: ResiConnection) -> nn.Module:
    if resi_connection == "1conv":
        return nn.Conv2d(channels, channels, 3, padding=1)
    quarter = channels // 4
    return nn.Sequential(
        nn.Conv2d(channels, quarter, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(quarter, quarter, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(quarter, channels, 3, padding=1),
    )


def _window(split_size: Sequence[int]) -> tuple[int, int]:
    """Height and width of a window; a UsageError if images cannot be padded to whole windows of both orientations."""
    if len(split_size) != 2 or min(split_size) < 2 or max(split_size) % min(split_size):
        raise UsageError(
            f"DAT: split_size is {list(split_size)}, expected height and width from 2 on, one a multiple of the other"
        )
    height, width = split_size
    return height, width
