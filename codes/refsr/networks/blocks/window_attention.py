"""Self-attention inside windows of an image, with a learned bias for each relative position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WindowAttention(nn.Module):
    """Tokens (B, H, W, C) -> (B, H, W, C), both sides multiples of `side`; each attends to its own window.

    With `shift` the windows lie that many pixels further down and right; those that leave the image hold what is left
    over at the other end too, and `apart` keeps its parts from each other.
    """

    places: Tensor

    def __init__(self, channels: int, heads: int, side: int, shift: int = 0) -> None:
        super().__init__()
        self.heads, self.side, self.shift = heads, side, shift
        self.qkv = nn.Linear(channels, 3 * channels)
        self.leave = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.empty((2 * side - 1) ** 2, heads))
        self.register_buffer("places", relative_places(side), persistent=False)
        for weight in (self.bias, self.qkv.weight, self.leave.weight):
            nn.init.trunc_normal_(weight, std=0.02)
        for layer in (self.qkv, self.leave):
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, apart: Tensor) -> Tensor:
        """`apart`, of `parts_apart` for these sides, is needed with a shift only."""
        if self.shift:
            tokens = tokens.roll((-self.shift, -self.shift), (1, 2))
        mixed: Tensor = self.leave(self._mixed(self.qkv(tokens), apart))
        return mixed.roll((self.shift, self.shift), (1, 2)) if self.shift else mixed

    def _mixed(self, qkv: Tensor, apart: Tensor) -> Tensor:
        batch, height, width, triple = qkv.shape
        side, heads, depth = self.side, self.heads, triple // 3 // self.heads
        rows, columns = height // side, width // side
        cut = qkv.reshape(batch, rows, side, columns, side, 3, heads, depth)
        query, key, value = cut.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, -1, heads, side * side, depth).unbind()
        bias = self.bias[self.places].permute(2, 0, 1).to(query.dtype)
        if self.shift:
            bias = bias.masked_fill(apart[:, None], float("-inf"))
            # One more image repeats the windows' masks; the fused kernels take no mask of five dimensions.
            bias = bias.expand(batch, *bias.shape).reshape(-1, *bias.shape[1:])
        else:
            bias = bias[None]
        mixed = F.scaled_dot_product_attention(query, key, value, bias)
        windows = mixed.reshape(batch, rows, columns, heads, side, side, depth)
        return windows.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, height, width, heads * depth)


def relative_places(side: int) -> Tensor:
    """(side^2, side^2): which entry of the table of biases belongs to a pair of a window's pixels, row by row."""
    steps = torch.arange(side)
    between = steps[:, None] - steps[None, :] + side - 1
    places = between[:, None, :, None] * (2 * side - 1) + between[None, :, None, :]
    return places.reshape(side**2, side**2)


def parts_apart(height: int, width: int, side: int, shift: int, device: torch.device) -> Tensor:
    """(windows, side^2, side^2): whether two pixels of a shifted window come from opposite ends of the image."""
    below = torch.arange(height, device=device) >= height - shift
    right = torch.arange(width, device=device) >= width - shift
    parts = 2 * below[:, None].int() + right[None, :].int()
    windows = parts.reshape(height // side, side, width // side, side).transpose(1, 2).reshape(-1, side * side)
    return windows[:, :, None] != windows[:, None, :]
