"""Residual blocks of Ref-Diff's U-Net: the encoder's, and the change-aware decoder's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.refdiff.layers import Resample, ResampledConv, SpatialFeatureTransform

NORM_EPS = 1e-6
"""What group normalization adds to the variance."""
SFT_WIDTH = 128
"""Published hidden width of the spatial feature transforms, whatever model_channels is."""


class Conditions(NamedTuple):
    """Upsampled LR and Ref (B, C, H, W), and the change mask (B, K, H, W)."""

    lr_up: Tensor
    ref: Tensor
    mask: Tensor

    @property
    def structure(self) -> Tensor:
        """LR and mask: the semantics-guided condition."""
        return torch.cat((self.lr_up, self.mask), dim=1)

    @property
    def texture(self) -> Tensor:
        """Ref and mask: the reference-texture-guided condition."""
        return torch.cat((self.ref, self.mask), dim=1)


ConditionFeatures = tuple[Tensor, Tensor]
"""What the two SFTs of a decoder block compute from the conditions alone."""


@dataclass(frozen=True)
class BlockShape:
    """Settings of a block besides its channels."""

    embedding: int
    """Width of the noise embedding."""
    dropout: float = 0.0
    taps: tuple[int, ...] = (1, 1)
    """The resampling filter along one axis."""
    heads: int | None = 1
    """None: as many as give each `head_channels`."""
    head_channels: int = 64
    skip_scale: float = math.sqrt(0.5)
    resample_proj: bool = True
    """Whether a skip connection that only resamples has a 1x1 convolution too."""
    adaptive_scale: bool = False
    """Whether the embedding scales and shifts the features, or is added to them."""
    eps: float = NORM_EPS
    hidden: int = SFT_WIDTH
    """Hidden width of the spatial feature transforms."""


def group_norm(channels: int, eps: float = NORM_EPS) -> nn.GroupNorm:
    """Groups of at least four channels, 32 at most."""
    return nn.GroupNorm(min(32, channels // 4), channels, eps=eps)


class SelfAttention(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): multi-head attention over all pixels, without the skip connection."""

    def __init__(self, channels: int, heads: int, eps: float = NORM_EPS) -> None:
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels, eps)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        # Within a head, query, key and value of a channel lie side by side.
        qkv = self.qkv(self.norm(x)).view(batch, self.heads, channels // self.heads, 3, height * width)
        query, key, value = (part.transpose(2, 3) for part in qkv.unbind(3))
        attended = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.proj(attended.transpose(2, 3).reshape(batch, channels, height, width))
        return result


class DenoisingBlock(nn.Module):
    """The common part of both blocks: two convolutions, the embedding between them, a skip, optional attention."""

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
        self.norm_in = group_norm(in_channels, shape.eps)
        self.conv_in = ResampledConv(in_channels, out_channels, 3, resample, shape.taps)
        self.embed = nn.Linear(shape.embedding, out_channels * (2 if shape.adaptive_scale else 1))
        self.norm_out = group_norm(out_channels, shape.eps)
        self.conv_out = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip: ResampledConv | None = None
        if out_channels != in_channels or resample:
            kernel = 1 if shape.resample_proj or out_channels != in_channels else 0
            self.skip = ResampledConv(in_channels, out_channels, kernel, resample, shape.taps)
        self.attention: SelfAttention | None = None
        if attention:
            heads = shape.heads if shape.heads is not None else out_channels // shape.head_channels
            self.attention = SelfAttention(out_channels, heads, shape.eps)

    def _second_half(self, x: Tensor, hidden: Tensor) -> Tensor:
        """The second convolution, the skip connection and the attention."""
        scale = self.shape.skip_scale
        residual = self.conv_out(F.dropout(hidden, self.shape.dropout, self.training))
        result: Tensor = (residual + (x if self.skip is None else self.skip(x))) * scale
        return result if self.attention is None else (result + self.attention(result)) * scale


class EncoderBlock(DenoisingBlock):
    """Features (B, C, H, W), embedding (B, E) -> (B, D, H, W), or down- or upsampled by two."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.conv_in(F.silu(self.norm_in(x)))
        emb = self.embed(embedding)[:, :, None, None]
        if self.shape.adaptive_scale:
            scale, shift = emb.chunk(2, dim=1)
            hidden = torch.addcmul(shift, self.norm_out(hidden), 1 + scale)
        else:
            hidden = self.norm_out(hidden + emb)
        return self._second_half(x, F.silu(hidden))


class DecoderBlock(DenoisingBlock):
    """The change-aware block: features (B, C, H, W), embedding (B, E), conditions -> (B, D, H, W), or upsampled by two.

    An SFT with LR and mask before the first convolution, one with Ref and mask after it, then the embedding.
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
        self.structure = SpatialFeatureTransform(in_channels, structure, shape.hidden)
        self.texture = SpatialFeatureTransform(out_channels, texture, shape.hidden)

    def condition_features(self, conditions: Conditions, height: int, width: int) -> ConditionFeatures:
        """What the SFTs compute from the conditions alone, for a block input of this size."""
        factor = 2 if self.resample == "up" else 1
        return (
            self.structure.condition_features(conditions.structure, height, width),
            self.texture.condition_features(conditions.texture, factor * height, factor * width),
        )

    def forward(
        self, x: Tensor, embedding: Tensor, conditions: Conditions, features: ConditionFeatures | None = None
    ) -> Tensor:
        if features is None:
            features = self.condition_features(conditions, x.shape[-2], x.shape[-1])
        structure, texture = features
        hidden = self.conv_in(F.silu(self.structure(self.norm_in(x), structure)))
        hidden = self.texture(self.norm_out(hidden), texture)
        hidden = F.silu(hidden + self.embed(embedding)[:, :, None, None])
        return self._second_half(x, hidden)


def xavier_init(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Xavier-uniform weights times `gain`, zero bias."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def init_blocks(blocks: Sequence[DenoisingBlock], residual_gain: float) -> None:
    """Initializes blocks; the layers whose output is added to the block's input get `residual_gain`."""
    for block in blocks:
        for part in (block.conv_in, block.skip):
            if part is not None and part.conv is not None:
                xavier_init(part.conv)
        xavier_init(block.embed)
        xavier_init(block.conv_out, residual_gain)
        if block.attention is not None:
            xavier_init(block.attention.qkv, math.sqrt(0.2))
            xavier_init(block.attention.proj, residual_gain)
