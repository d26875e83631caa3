"""SwinIR: attention in windows, every other layer's shifted by half of one, in residual groups."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import MeanShift, require_known, require_least
from refsr.networks.blocks.upsampling import DirectUpsampling, ImageTail, shuffle_factors
from refsr.networks.blocks.window import Window
from refsr.networks.blocks.window_attention import WindowAttention, parts_apart
from refsr.networks.descriptor import Descriptor

Upsampler = Literal["direct", "steps"]
UPSAMPLERS = ("direct", "steps")
STEP_WIDTH = 64
"""Channels of the enlargement by steps; a constant of the published code."""


class SwinIR(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), h and w multiples of `window` (Liang et al., ICCV workshops 2021).

    The defaults are the light one, which enlarges by one pixel shuffle (`direct`) at any scale; the classical one has
    dim = 180, six groups of six layers and enlarges by `steps` of two and three. The published code leaves out layers
    at random while it trains, up to one in ten; here all of them always take part.
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
        upsampler: Upsampler = "direct",
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
        require_known("SwinIR", UPSAMPLERS, upsampler=upsampler)
        factors = shuffle_factors("SwinIR with upsampler steps", scale) if upsampler == "steps" else ()
        super().__init__()
        self.scale, self.channels, self.window = scale, channels, window
        self.mean_shift = MeanShift(channels)
        self.head = nn.Conv2d(channels, dim, 3, padding=1)
        self.enter = nn.LayerNorm(dim)
        self.groups = nn.ModuleList(SwinGroup(dim, layers, heads, window, int(dim * mlp_ratio)) for _ in range(groups))
        self.leave = nn.LayerNorm(dim)
        self.closing = nn.Conv2d(dim, dim, 3, padding=1)
        self.tail: DirectUpsampling | SteppedTail
        if upsampler == "direct":
            self.tail = DirectUpsampling(dim, channels, scale)
        else:
            self.tail = SteppedTail(dim, channels, factors)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.head(self.mean_shift(lr))
        # Made once for all layers, so nothing has to be kept from one image to the next.
        height, width = lr.shape[-2:]
        apart = parts_apart(height, width, self.window, self.window // 2, lr.device)
        tokens = self.enter(feature.permute(0, 2, 3, 1))
        for group in self.groups:
            tokens = group(tokens, apart)
        feature = feature + self.closing(self.leave(tokens).permute(0, 3, 1, 2))
        return self.mean_shift.back(self.tail(feature))

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale, channels=self.channels, inputs=("lr",), multiple=self.window, halo=self._halo()
        )

    def _halo(self) -> int:
        """Of the pixel of a window that sees farthest."""
        halos = []
        for pixel in range(self.window):
            seen = self.tail.sees(Window(pixel * self.scale, (pixel + 1) * self.scale - 1)).conv()
            for group in reversed(list(self.groups)):
                assert isinstance(group, SwinGroup)
                seen = group.sees(seen)
            halos.append(seen.conv().shifted(-pixel).halo())
        return max(halos)


class SwinGroup(nn.Module):
    """Tokens (B, H, W, C) -> (B, H, W, C): layers, a 3x3 convolution behind them, added to the input."""

    def __init__(self, channels: int, layers: int, heads: int, side: int, hidden: int) -> None:
        super().__init__()
        shifts = [side // 2 * (number % 2) for number in range(layers)]
        self.layers = nn.ModuleList(SwinLayer(channels, heads, side, shift, hidden) for shift in shifts)
        self.closing = nn.Conv2d(channels, channels, 3, padding=1)
        self.side, self.shifts = side, shifts

    def forward(self, tokens: Tensor, apart: Tensor) -> Tensor:
        before = tokens
        for layer in self.layers:
            tokens = layer(tokens, apart)
        change: Tensor = self.closing(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return before + change

    def sees(self, output: Window) -> Window:
        """The window of the input under a window of the output."""
        window = output.conv()
        for shift in reversed(self.shifts):
            window = window.cells(self.side, shift)
        return window


class SwinLayer(nn.Module):
    """Tokens (B, H, W, C) -> (B, H, W, C): attention, then two linear layers, each normalised first and added."""

    def __init__(self, channels: int, heads: int, side: int, shift: int, hidden: int) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, side, shift)
        self.before_mlp = nn.LayerNorm(channels)
        self.widen, self.narrow = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        for layer in (self.widen, self.narrow):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, apart: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.before_attention(tokens), apart)
        change: Tensor = self.narrow(F.gelu(self.widen(self.before_mlp(tokens))))
        return tokens + change


class SteppedTail(nn.Module):
    """(B, C, h, w) -> the image (B, out, s*h, s*w): narrowed, enlarged by steps."""

    def __init__(self, channels: int, out_channels: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, STEP_WIDTH, 3, padding=1)
        self.image = ImageTail(STEP_WIDTH, out_channels, factors)

    def forward(self, feature: Tensor) -> Tensor:
        image: Tensor = self.image(F.leaky_relu(self.narrow(feature), 0.01))
        return image

    def sees(self, output: Window) -> Window:
        """The window of the feature under a window of the image."""
        return self.image.sees(output).conv()
