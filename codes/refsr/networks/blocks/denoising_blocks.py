"""Residual blocks of a denoiser: the encoder's, and the decoder's, which also looks at conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.modulation import SpatialTransform
from refsr.networks.blocks.resampled_conv import Resample, ResampledConv

SMALL = 1e-6
"""What normalisation adds to the variance."""
HIDDEN = 128
"""Published width inside a spatial transform, whatever the features' width."""


class Conditions(NamedTuple):
    """LR enlarged and Ref (B, C, H, W), and the change mask (B, K, H, W)."""

    lr_up: Tensor
    ref: Tensor
    mask: Tensor

    @property
    def structure(self) -> Tensor:
        """What says which things are where."""
        return torch.cat((self.lr_up, self.mask), dim=1)

    @property
    def texture(self) -> Tensor:
        """What says how unchanged things look."""
        return torch.cat((self.ref, self.mask), dim=1)


Seen = tuple[Tensor, Tensor]
"""What a decoder block's two transforms made of the conditions."""


@dataclass(frozen=True)
class BlockShape:
    """What a block is made of, besides its widths."""

    embedding: int
    """Width of the noise embedding."""
    dropout: float = 0.0
    taps: tuple[int, ...] = (1, 1)
    """The filter of halving and doubling."""
    heads: int | None = 1
    """None: as many as give each `head_channels`."""
    head_channels: int = 64
    skip_scale: float = math.sqrt(0.5)
    resample_proj: bool = True
    """Whether a skip that only resamples has a convolution all the same."""
    adaptive_scale: bool = False
    """Whether the embedding scales and shifts, or is added."""
    small: float = SMALL
    hidden: int = HIDDEN
    """Width inside a spatial transform."""


def group_norm(channels: int, small: float = SMALL) -> nn.GroupNorm:
    """Groups of at least four channels, 32 at most."""
    return nn.GroupNorm(min(32, channels // 4), channels, eps=small)


class SelfAttention(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): what each place takes from all others, without the skip."""

    def __init__(self, channels: int, heads: int, small: float = SMALL) -> None:
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels, small)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.leave = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        # Within a head, query, key and value of a channel lie side by side.
        mixed = self.qkv(self.norm(x)).view(batch, self.heads, channels // self.heads, 3, height * width)
        query, key, value = (part.transpose(2, 3) for part in mixed.unbind(3))
        found = F.scaled_dot_product_attention(query, key, value)
        left: Tensor = self.leave(found.transpose(2, 3).reshape(batch, channels, height, width))
        return left


class DenoisingBlock(nn.Module):
    """What both kinds have in common: two convolutions, the embedding between them, a skip, attention by wish."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        shape: BlockShape,
        resample: Resample | None = None,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.resample, self.shape = in_channels, out_channels, resample, shape
        self.norm_in = group_norm(in_channels, shape.small)
        self.conv_in = ResampledConv(in_channels, out_channels, 3, resample, shape.taps)
        self.embed = nn.Linear(shape.embedding, out_channels * (2 if shape.adaptive_scale else 1))
        self.norm_out = group_norm(out_channels, shape.small)
        self.conv_out = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip: ResampledConv | None = None
        if out_channels != in_channels or resample:
            kernel = 1 if shape.resample_proj or out_channels != in_channels else 0
            self.skip = ResampledConv(in_channels, out_channels, kernel, resample, shape.taps)
        self.attention: SelfAttention | None = None
        if attention:
            heads = shape.heads if shape.heads is not None else out_channels // shape.head_channels
            self.attention = SelfAttention(out_channels, heads, shape.small)

    def _left(self, x: Tensor, hidden: Tensor) -> Tensor:
        """The second convolution, the skip and the attention."""
        scale = self.shape.skip_scale
        change = self.conv_out(F.dropout(hidden, self.shape.dropout, self.training))
        result: Tensor = (change + (x if self.skip is None else self.skip(x))) * scale
        return result if self.attention is None else (result + self.attention(result)) * scale


class EncoderBlock(DenoisingBlock):
    """Features (B, C, H, W), embedding (B, E) -> (B, D, H, W), or halved or doubled."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.conv_in(F.silu(self.norm_in(x)))
        told = self.embed(embedding)[:, :, None, None]
        if self.shape.adaptive_scale:
            scale, shift = told.chunk(2, dim=1)
            hidden = torch.addcmul(shift, self.norm_out(hidden), 1 + scale)
        else:
            hidden = self.norm_out(hidden + told)
        return self._left(x, F.silu(hidden))


class DecoderBlock(DenoisingBlock):
    """Features (B, C, H, W), embedding (B, E), conditions -> (B, D, H, W), or doubled.

    LR and the mask guide what is made of things, Ref and the mask how it looks; the embedding comes after both.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        shape: BlockShape,
        resample: Resample | None = None,
        attention: bool = False,
        structure: int = 4,
        texture: int = 4,
    ) -> None:
        super().__init__(in_channels, out_channels, shape, resample, attention)
        self.structure = SpatialTransform(in_channels, structure, shape.hidden)
        self.texture = SpatialTransform(out_channels, texture, shape.hidden)

    def look(self, conditions: Conditions, height: int, width: int) -> Seen:
        """What the transforms make of conditions where the block's input has this size."""
        times = 2 if self.resample == "up" else 1
        return (
            self.structure.look(conditions.structure, height, width),
            self.texture.look(conditions.texture, times * height, times * width),
        )

    def forward(self, x: Tensor, embedding: Tensor, conditions: Conditions, seen: Seen | None = None) -> Tensor:
        structure, texture = seen if seen is not None else self.look(conditions, x.shape[-2], x.shape[-1])
        hidden = self.conv_in(F.silu(self.structure(self.norm_in(x), structure)))
        hidden = self.texture(self.norm_out(hidden), texture)
        hidden = F.silu(hidden + self.embed(embedding)[:, :, None, None])
        return self._left(x, hidden)


def drawn(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Xavier-uniform weights times `gain`, no bias."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def drawn_blocks(blocks: Sequence[DenoisingBlock], still: float) -> None:
    """Fresh weights of blocks; what a block adds to its input starts at next to nothing, `still` times as usual."""
    for block in blocks:
        for part in (block.conv_in, block.skip):
            if part is not None and part.conv is not None:
                drawn(part.conv)
        drawn(block.embed)
        drawn(block.conv_out, still)
        if block.attention is not None:
            drawn(block.attention.qkv, math.sqrt(0.2))
            drawn(block.attention.leave, still)
