"""TSFNet's fusion blocks: channel attention within a stage, gated cross-stage fusion between the two."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.networks.tsfnet.spectrum import at_least_float32

MIN_NORM = 1e-12
"""The smallest norm that a map is divided by."""


class ChannelNorm(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): layer norm over the channels of each pixel."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = at_least_float32(x)
        # torch.var_mean over channels takes seven times as long.
        centred = wide - wide.mean(dim=1, keepdim=True)
        normal = centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + self.eps)
        return (normal * self.weight[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class ChannelAttention(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): attention between the channels of a head, with a learned temperature."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.qkv_depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv_depthwise(self.qkv(self.norm(x))).chunk(3, dim=1)
        matrix = self.attention_matrix(query, key).to(value.dtype)
        attended: Tensor = matrix @ value.flatten(2)
        return attended.reshape(value.shape)

    def attention_matrix(self, query: Tensor, key: Tensor) -> Tensor:
        """(B, C, C): attention and the last 1x1 convolution as one matrix, in float32 at least."""
        heads = len(self.temperature)
        with torch.autocast(query.device.type, enabled=False):
            query, key = (
                at_least_float32(maps).reshape(len(maps), heads, -1, maps[0, 0].numel()) for maps in (query, key)
            )
            across, along = (torch.linalg.vector_norm(maps, dim=-1).clamp_min(MIN_NORM) for maps in (query, key))
            similarity = query @ key.transpose(-2, -1) / across[..., :, None] / along[..., None, :]
            attention = torch.softmax(at_least_float32(self.temperature) * similarity, dim=-1)
            # By head: (C, C/heads) of the convolution after (C/heads, C/heads) of the attention.
            projection = at_least_float32(self.project_out.weight)
            projection = projection.reshape(len(projection), heads, -1).transpose(0, 1)
            matrix: Tensor = projection @ attention
            return matrix.transpose(1, 2).flatten(2)


class SelfFusion(nn.Module):
    """(B, C, H, W), and a skip connection of the same shape or none -> (B, C, H, W)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = ChannelAttention(channels, heads)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = self.conv(x)
        x = x + self.attention(x)
        return x if skip is None else x + skip


class CrossStageGate(nn.Module):
    """Features of the second and of the first stage (B, C, H, W) -> (B, C, H, W), each times a gate from both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.own = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.guide = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.conv_gates = nn.Conv2d(2, 2, 7, padding=3)
        self.conv_last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        x, guide = self.own(x), self.guide(guide)
        own_gate, guide_gate = self.gates(x, guide).chunk(2, dim=1)
        fused: Tensor = self.conv_last(own_gate * x + guide_gate * guide)
        return fused

    def gates(self, x: Tensor, guide: Tensor) -> Tensor:
        """(B, 2, H, W) from the mean and the maximum over the channels of both."""
        mean = (x.mean(dim=1, keepdim=True) + guide.mean(dim=1, keepdim=True)) / 2
        most = torch.maximum(x.amax(dim=1, keepdim=True), guide.amax(dim=1, keepdim=True))
        return torch.sigmoid(self.conv_gates(torch.cat((mean, most), dim=1)))


class CrossStageFusion(SelfFusion):
    """The cross-stage fusion: a second-stage and a first-stage feature (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels, heads)
        self.gate = CrossStageGate(channels)

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        assert guide is not None
        fused: Tensor = self.gate(super().forward(x), guide)
        return fused
