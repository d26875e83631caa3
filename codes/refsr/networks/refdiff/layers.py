"""Layers of Ref-Diff's U-Net: noise embedding, resampling convolution, spatial feature transform (SFT)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion
from refsr.networks.blocks.reference_transfer import RelevanceAttention

EmbeddingType = Literal["positional", "fourier"]
EMBEDDING_TYPES = ("positional", "fourier")
MAX_PERIOD = 10_000
FOURIER_STD = 16
"""Standard deviation of the random Fourier frequencies."""


def positional_frequencies(channels: int, endpoint: bool = True) -> Tensor:
    """(channels / 2,) from 1 down to 1 / 10000, which is excluded without `endpoint`."""
    half = channels // 2
    return (1 / MAX_PERIOD) ** (torch.arange(half, dtype=torch.float32) / (half - endpoint))


def sinusoids(label: Tensor, frequencies: Tensor) -> Tensor:
    """Labels (B,), frequencies (N,) -> (B, 2N): sines, then cosines."""
    angle = label[:, None] * frequencies
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class NoiseEmbedding(nn.Module):
    """Noise level, one number a sample (B,) -> embedding (B, width), an input of every block."""

    frequencies: Tensor

    def __init__(self, channels: int, width: int, kind: EmbeddingType = "positional") -> None:
        super().__init__()
        if kind not in EMBEDDING_TYPES:
            raise UsageError(
                f"embedding_type {kind!r} is not known{suggestion(str(kind), EMBEDDING_TYPES)} "
                f"(known: {', '.join(EMBEDDING_TYPES)})"
            )
        random = kind == "fourier"
        # Random frequencies are drawn once and saved with the weights.
        frequencies = FOURIER_STD * torch.randn(channels // 2) if random else positional_frequencies(channels)
        self.angular_scale = 2 * torch.pi if random else 1.0
        self.register_buffer("frequencies", frequencies, persistent=random)
        self.first = nn.Linear(channels, width)
        self.second = nn.Linear(width, width)

    def forward(self, label: Tensor) -> Tensor:
        encoding = sinusoids(label, self.angular_scale * self.frequencies)
        embedding: Tensor = F.silu(self.second(F.silu(self.first(encoding))))
        return embedding


Resample = Literal["up", "down"]


class ResampledConv(nn.Module):
    """(B, C, H, W) -> (B, D, H, W), or down- or upsampled by two: filtered first, then convolved with zero padding.

    `kernel` 0 only resamples. `fused` downsamples after the convolution instead, with the filter's padding added to the
    convolution's, so borders differ.
    """

    filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        resample: Resample | None = None,
        taps: Sequence[int] = (1, 1),
        fused: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.resample, self.fused = resample, fused
        self.two_taps = list(taps) == [taps[0]] * 2
        """The filter is a 2x2 mean, or nearest-neighbour upsampling."""
        self.reach = (len(taps) - 1) // 2
        self.conv: nn.Conv2d | None = None
        if kernel:
            padding = kernel // 2 + (self.reach if fused else 0)
            self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=bias)
        values = torch.tensor(taps, dtype=torch.float32)
        self.register_buffer("filter", values.outer(values) / values.sum() ** 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is None:
            return self._up(x) if self.resample == "up" else self._down(x)
        if self.resample == "up":
            return self._upsampled_conv(self.conv, x)
        if self.resample == "down" and self.fused:
            return self._filtered(self.conv(x), 0)
        convolved: Tensor = self.conv(self._down(x) if self.resample == "down" else x)
        return convolved

    def _upsampled_conv(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if conv.kernel_size == (1, 1):
            # A 1x1 convolution commutes with nearest-neighbour upsampling: convolve the smaller map.
            wide = self._up(F.conv2d(x, conv.weight))
            return wide if conv.bias is None else wide + conv.bias[:, None, None]
        if self.two_taps and conv.kernel_size == (3, 3):
            # Each output depends on 2x2 different pixels, not 3x3: four multiplications in place of nine.
            return F.conv_transpose2d(x, _transposed_kernel(conv.weight), conv.bias, stride=2, padding=1)
        convolved: Tensor = conv(self._up(x))
        return convolved

    def _down(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.two_taps else self._filtered(x, self.reach)

    def _up(self, x: Tensor) -> Tensor:
        if self.two_taps:
            return x.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
        return F.conv_transpose2d(x, 4 * self._kernel(x), stride=2, padding=self.reach, groups=x.shape[1])

    def _filtered(self, x: Tensor, padding: int) -> Tensor:
        return F.conv2d(x, self._kernel(x), stride=2, padding=padding, groups=x.shape[1])

    def _kernel(self, x: Tensor) -> Tensor:
        return self.filter.to(x.dtype).expand(x.shape[1], 1, -1, -1)


def _transposed_kernel(kernel: Tensor) -> Tensor:
    """A kernel (D, C, 3, 3) on nearest-upsampled pixels -> the equal transposed convolution's (C, D, 4, 4)."""
    padded = F.pad(kernel, (1, 1, 1, 1))
    sums = padded[..., 1:, :] + padded[..., :-1, :]
    return (sums[..., 1:] + sums[..., :-1]).flip(2, 3).transpose(0, 1)


class SpatialFeatureTransform(RelevanceAttention):
    """SFT: features (B, C, H, W) and what `condition_features` makes of conditions -> (B, C, H, W).

    The same mapping as RAM's. A convolution over concatenated features and conditions is a sum of one over each, and
    the conditions' part is the same at every sampling step.
    """

    def condition_features(self, conditions: Tensor, height: int, width: int) -> Tensor:
        """(B, D, any size) -> (B, 2 * hidden, height, width): the conditions' part of both hidden convolutions."""
        both = (self.scale_hidden, self.shift_hidden)
        weight = torch.cat([one.weight[:, self.scale.out_channels :] for one in both])
        bias = torch.cat([one.bias for one in both if one.bias is not None])
        return F.conv2d(nearest(conditions, height, width), weight, bias, padding=1)

    def kernel(self) -> Tensor:
        """(2 * hidden, C, 3, 3): the features' part of both hidden convolutions."""
        both = (self.scale_hidden, self.shift_hidden)
        return torch.cat([one.weight[:, : self.scale.out_channels] for one in both])

    def feature_convolution(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2 * hidden, H, W)."""
        return F.conv2d(features, self.kernel(), padding=1)

    def forward(self, features: Tensor, condition_features: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.feature_convolution(features) + condition_features, 0.1)
        for_scale, for_shift = hidden.chunk(2, dim=1)
        scale: Tensor = self.scale(for_scale)
        shift: Tensor = self.shift(for_shift)
        return features * scale.sigmoid() + shift


def nearest(image: Tensor, height: int, width: int) -> Tensor:
    """Nearest neighbour, (B, C, H, W) -> (B, C, height, width): source index floor(i * in / out)."""
    if image.shape[-2:] == (height, width):
        return image
    rows = torch.arange(height, device=image.device) * image.shape[-2] // height
    columns = torch.arange(width, device=image.device) * image.shape[-1] // width
    return image[..., rows, :][..., columns]
