"""How TSFNet joins its branches: channel attention, plain and across stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.networks.tsfnet.spectrum import widened

FLOOR = 1e-12
"""The smallest norm that a map is divided by."""


class ChannelNorm(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): layer norm over the channels of each pixel."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = widened(x)
        variance, mean = torch.var_mean(wide, dim=1, correction=0, keepdim=True)
        normal = (wide - mean) * torch.rsqrt(variance + self.eps)
        return (normal * self.weight[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class ChannelAttention(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): channels of a head are mixed by how alike their maps are."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.around = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.leave = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.around(self.qkv(self.norm(x))).chunk(3, dim=1)
        mixing = self.mixing(query, key).to(value.dtype)
        mixed: Tensor = mixing @ value.flatten(2)
        return mixed.reshape(value.shape)

    def mixing(self, query: Tensor, key: Tensor) -> Tensor:
        """(B, C, C): attention and the last convolution as the one matrix that they are, in float32 at least."""
        heads = len(self.temperature)
        with torch.autocast(query.device.type, enabled=False):
            query, key = (widened(maps).reshape(len(maps), heads, -1, maps[0, 0].numel()) for maps in (query, key))
            across, along = (torch.linalg.vector_norm(maps, dim=-1).clamp_min(FLOOR) for maps in (query, key))
            likeness = query @ key.transpose(-2, -1) / across[..., :, None] / along[..., None, :]
            attention = torch.softmax(widened(self.temperature) * likeness, dim=-1)
            # By head: (C, C/heads) of the convolution after (C/heads, C/heads) of the attention.
            leave = widened(self.leave.weight).reshape(len(self.leave.weight), heads, -1).transpose(0, 1)
            mixing: Tensor = leave @ attention
            return mixing.transpose(1, 2).flatten(2)


class Fusion(nn.Module):
    """(B, C, H, W), and what the result is added to, if anything -> (B, C, H, W)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = ChannelAttention(channels, heads)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = self.enter(x)
        x = x + self.attention(x)
        return x if skip is None else x + skip


class Crossing(nn.Module):
    """Two features (B, C, H, W) -> one: each is weighed, pixel by pixel, by a gate that has seen both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.own = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.guide = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.weigh = nn.Conv2d(2, 2, 7, padding=3)
        self.leave = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        x, guide = self.own(x), self.guide(guide)
        for_own, for_guide = self.gates(x, guide).chunk(2, dim=1)
        found: Tensor = self.leave(for_own * x + for_guide * guide)
        return found

    def gates(self, x: Tensor, guide: Tensor) -> Tensor:
        """(B, 2, H, W) from the mean and the maximum over the channels of both."""
        mean = (x.mean(dim=1, keepdim=True) + guide.mean(dim=1, keepdim=True)) / 2
        most = torch.maximum(x.amax(dim=1, keepdim=True), guide.amax(dim=1, keepdim=True))
        return torch.sigmoid(self.weigh(torch.cat((mean, most), dim=1)))


class CrossFusion(Fusion):
    """A feature of the second stage and one of the first, both (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels, heads)
        self.crossing = Crossing(channels)

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        assert guide is not None
        found: Tensor = self.crossing(super().forward(x), guide)
        return found
