"""SwinIR: self-attention in windows, shifted by half a window in every other layer, in residual groups."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import MeanShift, require_least
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.upsampling import Upsampler, transformer_tail
from refsr.networks.descriptor import Descriptor


class WindowAttention(nn.Module):
    """W-MSA, tokens (B, H, W, C) -> (B, H, W, C), H and W multiples of `side`: self-attention in windows of that side.

    With `shift` (SW-MSA) the windows are cyclically shifted by that many pixels, and `mask` keeps apart pixels of one
    window that come from opposite ends of the image.
    """

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, side: int, shift: int = 0) -> None:
        super().__init__()
        self.heads, self.side, self.shift = heads, side, shift
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.relative_position_bias = nn.Parameter(torch.empty((2 * side - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index(side), persistent=False)
        for weight in (self.relative_position_bias, self.qkv.weight, self.proj.weight):
            nn.init.trunc_normal_(weight, std=0.02)
        for layer in (self.qkv, self.proj):
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`mask`, of `shifted_window_mask`, is used with a shift only."""
        if self.shift:
            tokens = tokens.roll((-self.shift, -self.shift), (1, 2))
        attended: Tensor = self.proj(self._attend(self.qkv(tokens), mask))
        return attended.roll((self.shift, self.shift), (1, 2)) if self.shift else attended

    def _attend(self, qkv: Tensor, mask: Tensor) -> Tensor:
        batch, height, width, triple = qkv.shape
        side, heads, depth = self.side, self.heads, triple // 3 // self.heads
        rows, columns = height // side, width // side
        windows = qkv.reshape(batch, rows, side, columns, side, 3, heads, depth)
        query, key, value = windows.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, -1, heads, side * side, depth).unbind()
        bias = self.relative_position_bias[self.relative_position_index].permute(2, 0, 1).to(query.dtype)
        if self.shift:
            bias = bias.masked_fill(mask[:, None], float("-inf"))
            # The windows' masks are repeated for each image: the fused kernels take no mask of five dimensions.
            bias = bias.expand(batch, *bias.shape).reshape(-1, *bias.shape[1:])
        else:
            bias = bias[None]
        attended = F.scaled_dot_product_attention(query, key, value, bias)
        windows = attended.reshape(batch, rows, columns, heads, side, side, depth)
        return windows.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, height, width, heads * depth)


def relative_position_index(side: int) -> Tensor:
    """(side^2, side^2): index into the bias table for each pair of a window's pixels, row by row."""
    steps = torch.arange(side)
    between = steps[:, None] - steps[None, :] + side - 1
    places = between[:, None, :, None] * (2 * side - 1) + between[None, :, None, :]
    return places.reshape(side**2, side**2)


def shifted_window_mask(height: int, width: int, side: int, shift: int, device: torch.device) -> Tensor:
    """(windows, side^2, side^2): True where two pixels of a shifted window come from opposite ends of the image."""
    below = torch.arange(height, device=device) >= height - shift
    right = torch.arange(width, device=device) >= width - shift
    parts = 2 * below[:, None].int() + right[None, :].int()
    windows = parts.reshape(height // side, side, width // side, side).transpose(1, 2).reshape(-1, side * side)
    return windows[:, :, None] != windows[:, None, :]


class SwinIR(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), h and w multiples of `window` (Liang et al., ICCV workshops 2021).

    The defaults are the lightweight model, which upsamples by one pixel shuffle at any scale (`pixelshuffledirect`);
    the classical one has dim = 180, six groups of six layers and `pixelshuffle` in steps of two and three. The
    published code trains with stochastic depth up to 0.1; here there is none.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        dim: int = 60,
        groups: int = 4,
        layers: int = 6,
        heads: int = 6,
        window: int = 8,
        mlp_ratio: float = 2.0,
        upsampler: Upsampler = "pixelshuffledirect",
    ) -> None:
        require_least("SwinIR", 1, scale=scale, channels=channels, dim=dim, groups=groups, layers=layers, heads=heads)
        if window < 2 or window % 2:
            raise UsageError(
                f"SwinIR: window is {window}, expected an even number from 2 on, half of which is the shift"
            )
        if dim % heads:
            near = max(heads, round(dim / heads) * heads)
            raise UsageError(f"SwinIR: dim {dim} is no multiple of heads {heads}; {near} would be")
        if int(dim * mlp_ratio) < 1:
            raise UsageError(f"SwinIR: mlp_ratio is {mlp_ratio}, expected {1 / dim:g} or more")
        super().__init__()
        self.scale, self.channels, self.window = scale, channels, window
        self.mean_shift = MeanShift(channels)
        self.head = nn.Conv2d(channels, dim, 3, padding=1)
        self.patch_norm = nn.LayerNorm(dim)
        self.groups = nn.ModuleList(SwinGroup(dim, layers, heads, window, int(dim * mlp_ratio)) for _ in range(groups))
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = nn.Conv2d(dim, dim, 3, padding=1)
        self.tail = transformer_tail("SwinIR", upsampler, dim, channels, scale)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.head(self.mean_shift(lr))
        # Computed once for all layers and for any size.
        height, width = lr.shape[-2:]
        mask = shifted_window_mask(height, width, self.window, self.window // 2, lr.device)
        tokens = self.patch_norm(feature.permute(0, 2, 3, 1))
        for group in self.groups:
            tokens = group(tokens, mask)
        feature = feature + self.conv_after_body(self.norm(tokens).permute(0, 3, 1, 2))
        return self.mean_shift.back(self.tail(feature))

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale, channels=self.channels, inputs=("lr",), multiple=self.window, halo=self._halo()
        )

    def _halo(self) -> int:
        """Of the pixel of a window with the largest receptive field."""
        halos = []
        for pixel in range(self.window):
            field = self.tail.receptive_field(ReceptiveField(pixel * self.scale, (pixel + 1) * self.scale - 1)).conv()
            for group in reversed(list(self.groups)):
                assert isinstance(group, SwinGroup)
                field = group.receptive_field(field)
            halos.append(field.conv().shifted(-pixel).halo())
        return max(halos)


class SwinGroup(nn.Module):
    """RSTB, tokens (B, H, W, C) -> (B, H, W, C): Swin layers and a 3x3 convolution, residual."""

    def __init__(self, channels: int, layers: int, heads: int, side: int, hidden: int) -> None:
        super().__init__()
        shifts = [side // 2 * (number % 2) for number in range(layers)]
        self.layers = nn.ModuleList(SwinLayer(channels, heads, side, shift, hidden) for shift in shifts)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.side, self.shifts = side, shifts

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        before = tokens
        for layer in self.layers:
            tokens = layer(tokens, mask)
        residual: Tensor = self.conv(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return before + residual

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The input pixels that these output pixels depend on."""
        window = output.conv()
        for shift in reversed(self.shifts):
            window = window.windows(self.side, shift)
        return window


class SwinLayer(nn.Module):
    """STL, tokens (B, H, W, C) -> (B, H, W, C): window attention and an MLP, each with layer norm and residual."""

    def __init__(self, channels: int, heads: int, side: int, shift: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, side, shift)
        self.norm2 = nn.LayerNorm(channels)
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        for layer in (self.fc1, self.fc2):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norm1(tokens), mask)
        residual: Tensor = self.fc2(F.gelu(self.fc1(self.norm2(tokens))))
        return tokens + residual
