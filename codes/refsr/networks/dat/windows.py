"""Rectangular windows of a feature map, shifted or not, and the attention in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.ops.library import is_in_onnx_export


class Span(NamedTuple):
    """Windows of `side` pixels side by side along one axis: `windows` of them, the first at pixel `start`."""

    start: int
    side: int
    windows: int

    @property
    def stop(self) -> int:
        return self.start + self.windows * self.side


@dataclass(frozen=True)
class WindowGrid:
    """Windows of `height` x `width` pixels, shifted by half of that if `shifted`; images are padded to `multiple`.

    The padding has keys and values of zero, which the softmax counts, as in the published code. Windows that hold
    padding only are left out. The published code shifts the image cyclically and masks pairs of pixels from opposite
    ends; the parts that a mask leaves of such a window are windows of their own here, so that no mask is needed.
    """

    height: int
    width: int
    multiple: int
    shifted: bool

    def rows(self, length: int) -> list[Span]:
        """The windows down an image of that many rows."""
        return self._spans(length, self.height)

    def columns(self, length: int) -> list[Span]:
        """The windows across an image of that many columns."""
        return self._spans(length, self.width)

    def _spans(self, length: int, side: int) -> list[Span]:
        if not self.shifted:
            return [Span(0, side, -(-length // side))]
        padded, shift = -(-length // self.multiple) * self.multiple, side // 2
        last = padded - (side - shift)
        whole = -(-(min(length, last) - shift) // side)
        spans = [Span(0, shift, 1), Span(shift, side, whole), Span(last, side - shift, 1)]
        return [span for span in spans if span.windows > 0 and span.start < length]


def window_attention(qkv: Tensor, grid: WindowGrid, bias: Tensor | None) -> Tensor:
    """Self-attention in each window of a grid: (B, H, W, 3, heads, depth) -> (B, H, W, heads, depth).

    `bias` (heads, height, width, height, width) is added to the scores of a window's pairs of pixels.
    """
    if torch.compiler.is_exporting() or is_in_onnx_export():
        return masked_attention(qkv, grid, bias)
    strips = []
    for row in grid.rows(qkv.shape[1]):
        parts = [_span_attention(qkv, row, column, bias) for column in grid.columns(qkv.shape[2])]
        strips.append(parts[0] if len(parts) == 1 else torch.cat(parts, 2))
    return strips[0] if len(strips) == 1 else torch.cat(strips, 1)


def _span_attention(qkv: Tensor, row: Span, column: Span, bias: Tensor | None) -> Tensor:
    """The same for equal windows side by side; what lies in the padding is cut off again."""
    part = qkv[:, row.start : row.stop, column.start : column.stop]
    batch, height, width, _, heads, depth = part.shape
    below, right = row.stop - row.start - height, column.stop - column.start - width
    if below or right:
        part = F.pad(part, (0, 0, 0, 0, 0, 0, 0, right, 0, below))
    windows = part.reshape(batch, row.windows, row.side, column.windows, column.side, 3, heads, depth).transpose(2, 3)
    # Heads stay beside their pixel: the fused kernels take strides, and this copies whole rows of channels.
    windows = windows.reshape(-1, row.side * column.side, 3, heads, depth).transpose(1, 3)
    query, key, value = windows.unbind(2)
    if bias is not None:
        pixels = row.side * column.side
        bias = bias[:, : row.side, : column.side, : row.side, : column.side].reshape(1, heads, pixels, pixels)
    attended = F.scaled_dot_product_attention(query, key, value, bias)
    attended = attended.transpose(1, 2).reshape(batch, row.windows, column.windows, row.side, column.side, heads, depth)
    image = attended.transpose(2, 3).reshape(batch, height + below, width + right, heads, depth)
    return image[:, :height, :width]


def masked_attention(qkv: Tensor, grid: WindowGrid, bias: Tensor | None) -> Tensor:
    """The same by the same operations at any size, for graphs: shifted cyclically, with masks as in the published code.

    Every window lies in the padded image, and those at its end that hold both of its ends have a mask.
    """
    batch, height, width, _, heads, depth = qkv.shape
    # As products of numbers of multiples: of quotients torch's exporter proves much more slowly that they fit.
    rows, columns = (
        (length + grid.multiple - 1) // grid.multiple * (grid.multiple // side)
        for length, side in ((height, grid.height), (width, grid.width))
    )
    below, right = rows * grid.height - height, columns * grid.width - width
    qkv = F.pad(qkv, (0, 0, 0, 0, 0, 0, 0, right, 0, below))
    down, across = (grid.height // 2, grid.width // 2) if grid.shifted else (0, 0)
    if grid.shifted:
        qkv = qkv.roll((-down, -across), (1, 2))
    pixels = grid.height * grid.width
    windows = qkv.reshape(batch, rows, grid.height, columns, grid.width, 3, heads, depth).transpose(2, 3)
    query, key, value = windows.reshape(-1, pixels, 3, heads, depth).transpose(1, 3).unbind(2)
    scores = query @ key.transpose(2, 3) * depth**-0.5
    if bias is not None:
        scores = scores + bias.reshape(1, heads, pixels, pixels)
    if grid.shifted:
        apart = _from_both_ends(rows, columns, grid, qkv.device)
        scores = scores.unflatten(0, (batch, rows * columns)).masked_fill(apart, float("-inf")).flatten(0, 1)
    attended = (scores.softmax(-1) @ value).transpose(1, 2)
    attended = attended.reshape(batch, rows, columns, grid.height, grid.width, heads, depth).transpose(2, 3)
    image = attended.reshape(batch, rows * grid.height, columns * grid.width, heads, depth)
    if grid.shifted:
        image = image.roll((down, across), (1, 2))
    kept: Tensor = image[:, :height, :width]
    return kept


def _from_both_ends(rows: int, columns: int, grid: WindowGrid, device: torch.device) -> Tensor:
    """(windows, 1, pixels, pixels) of a shifted image: where two pixels of a window come from opposite ends."""
    below, right = (
        torch.arange(count * side, device=device).reshape(count, side) >= count * side - side // 2
        for count, side in ((rows, grid.height), (columns, grid.width))
    )
    parts = 2 * below.int()[:, None, :, None] + right.int()[None, :, None, :]
    parts = parts.reshape(rows * columns, grid.height * grid.width)
    apart: Tensor = parts[:, :, None] != parts[:, None, :]
    return apart[:, None]


class PositionBias(nn.Module):
    """Bias of pairs of pixels by their offset (dynamic position bias): an MLP from (dy, dx) to `heads` numbers.

    The last layer has no bias: the same number for all pairs does not change a softmax.
    """

    offsets: Tensor
    index: Tensor

    def __init__(self, height: int, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.first = nn.Linear(2, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(2))
        self.layers.append(nn.Linear(hidden, heads, bias=False))
        # Not on the device "meta", where sizes are checked: arithmetic there imports torch's compiler.
        rows, columns = (torch.arange(side, device="cpu") for side in (height, width))
        every = torch.cartesian_prod(*(torch.arange(1 - side, side, device="cpu") for side in (height, width)))
        self.register_buffer("offsets", every.float(), persistent=False)
        down = rows[:, None] - rows + height - 1
        across = columns[:, None] - columns + width - 1
        index = down[:, None, :, None] * (2 * width - 1) + across[None, :, None, :]
        self.register_buffer("index", index, persistent=False)

    def forward(self) -> Tensor:
        """(heads, height, width, height, width): of the first pixel of each pair seen from the second."""
        hidden = self.first(self.offsets)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            hidden = layer(F.relu(norm(hidden)))
        bias: Tensor = hidden.T[:, self.index]
        return bias
