"""The two attentions of DAT, in space and among channels, each joined with a convolution by adaptive interaction."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.dat.windows import PositionBias, WindowGrid, window_attention


class NormalizedConv(nn.Module):
    """(B, C, H, W) -> (B, out, H, W): a convolution without bias and a batch norm.

    With running statistics the norm is folded into the convolution. They are also used in training where a batch has
    one value a channel, since that has no variance.
    """

    def __init__(self, channels: int, out_channels: int, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        conv, norm = self.conv, self.norm
        if self.training and x.numel() > x.shape[1]:
            result: Tensor = norm(conv(x))
            return result
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
        bias = norm.bias - norm.running_mean * gain
        return F.conv2d(x, conv.weight * gain[:, None, None, None], bias, 1, conv.padding, 1, conv.groups)


class AdaptiveInteraction(nn.Module):
    """AIM, adaptive interaction module: attention and value (B, H, W, C) -> (B, H, W, C).

    The value goes through a depth-wise convolution, and the sum of both branches is returned. Spatial attention is
    weighted for each channel by a map of the convolution, the convolution for each pixel by a map of the attention;
    with channel attention the two kinds of map change places.
    """

    def __init__(self, channels: int, spatial_attention: bool) -> None:
        super().__init__()
        self.spatial_attention = spatial_attention
        self.conv = NormalizedConv(channels, channels, 3, channels)
        few, fewer = max(1, channels // 8), max(1, channels // 16)
        self.channel_interaction = nn.Sequential(
            NormalizedConv(channels, few), nn.GELU(), nn.Conv2d(few, channels, 1), nn.Sigmoid()
        )
        self.spatial_interaction = nn.Sequential(
            NormalizedConv(channels, fewer), nn.GELU(), nn.Conv2d(fewer, 1, 1), nn.Sigmoid()
        )

    def forward(self, attended: Tensor, value: Tensor) -> Tensor:
        attention = attended.permute(0, 3, 1, 2)
        convolved = F.gelu(self.conv(value.permute(0, 3, 1, 2)))
        if self.spatial_attention:
            by_channel, by_pixel = self._channel_weight(convolved), self.spatial_interaction(attention)
            joined = torch.addcmul(attention * by_channel, convolved, by_pixel)
        else:
            by_channel, by_pixel = self._channel_weight(attention), self.spatial_interaction(convolved)
            joined = torch.addcmul(attention * by_pixel, convolved, by_channel)
        return joined.permute(0, 2, 3, 1)

    def _channel_weight(self, feature: Tensor) -> Tensor:
        weight: Tensor = self.channel_interaction(feature.mean((2, 3), keepdim=True))
        return weight


class SpatialWindowAttention(nn.Module):
    """AS-SA, adaptive spatial self-attention: tokens (B, H, W, C) -> (B, H, W, C).

    Half of the heads attend in windows of `window` (height, width), the others in windows of (width, height), with a
    bias by the offset of two pixels. Its MLP is `dim // 32` wide, as published; below 64 channels that is one feature,
    which its layer norm makes constant, so that the bias would have no effect: there is none.
    """

    def __init__(self, channels: int, heads: int, window: tuple[int, int], shifted: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.interaction = AdaptiveInteraction(channels, spatial_attention=True)
        self.proj = nn.Linear(channels, channels)
        shapes = (window, window[::-1])
        self.grids = tuple(WindowGrid(*shape, multiple=max(window), shifted=shifted) for shape in shapes)
        hidden = position_features(channels)
        self.biases = nn.ModuleList(PositionBias(*shape, hidden, heads // 2) for shape in shapes if hidden > 1)
        for layer in (self.qkv, self.proj):
            init_linear(layer)

    def forward(self, tokens: Tensor) -> Tensor:
        qkv = self.qkv(tokens)
        halves = qkv.unflatten(-1, (3, 2, self.heads // 2, -1)).unbind(4)
        biases = [bias().to(qkv.dtype) for bias in self.biases] or [None, None]
        attended = [window_attention(*each) for each in zip(halves, self.grids, biases, strict=True)]
        value = qkv.chunk(3, -1)[2]
        result: Tensor = self.proj(self.interaction(torch.cat(attended, 3).flatten(3), value))
        return result


def position_features(channels: int) -> int:
    """The published width of the MLP of position biases."""
    return channels // 2 // 4 // 4


class ChannelAttention(nn.Module):
    """AC-SA, adaptive channel self-attention: tokens (B, H, W, C) -> (B, H, W, C).

    Within each head a channel attends to the others by the cosine of their images, times a trained temperature.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.interaction = AdaptiveInteraction(channels, spatial_attention=False)
        self.proj = nn.Linear(channels, channels)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        for layer in (self.qkv, self.proj):
            init_linear(layer)

    def forward(self, tokens: Tensor) -> Tensor:
        qkv = self.qkv(tokens)
        # (3, B, heads, pixels, depth): nothing is copied.
        query, key, value = qkv.flatten(1, 2).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()
        norms = [one.square().sum(2).sqrt().clamp_min(1e-12) for one in (query, key)]
        cosines = query.transpose(2, 3) @ key / (norms[0][..., None] * norms[1][..., None, :])
        attention = (cosines * self.temperature).softmax(-1)
        attended = (value @ attention.transpose(2, 3)).transpose(1, 2).reshape(tokens.shape)
        result: Tensor = self.proj(self.interaction(attended, qkv.chunk(3, -1)[2]))
        return result


def init_linear(layer: nn.Linear) -> None:
    """Normal weights and a bias of zero, as published (which cuts them off at a hundred standard deviations)."""
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
