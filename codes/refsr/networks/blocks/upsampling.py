"""Upsampling by pixel shuffles: step by step for each prime factor of the scale, or directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import require_known
from refsr.networks.blocks.receptive_field import ReceptiveField

FACTORS = (2, 3)


def shuffle_factors(network: str, scale: int) -> tuple[int, ...]:
    """The twos and threes whose product a scale is; a UsageError that names the nearest scale if it is none."""
    factors = _factors(scale)
    if factors is None:
        near = [one for one in range(1, 2 * max(scale, 1)) if _factors(one) is not None]
        near.sort(key=lambda one: abs(one - scale))
        shown = " or ".join(str(one) for one in sorted(near[:2]))
        raise UsageError(f"{network}: scale {scale} is no product of twos and threes; {shown} would be")
    return factors


def _factors(scale: int) -> tuple[int, ...] | None:
    factors: list[int] = []
    rest = scale
    for step in FACTORS:
        while rest > 1 and rest % step == 0:
            rest //= step
            factors.append(step)
    return tuple(factors) if rest == 1 else None


class PixelShuffleUpsampler(nn.Sequential):
    """(B, C, h, w) -> (B, C, s*h, s*w): for each factor of s a 3x3 convolution and a pixel shuffle.

    Each step ends in an activation, if `activation` makes one.
    """

    def __init__(
        self, channels: int, factors: Sequence[int], activation: Callable[[], nn.Module] | None = None
    ) -> None:
        steps: list[nn.Module] = []
        for factor in factors:
            steps += [nn.Conv2d(channels, channels * factor**2, 3, padding=1), nn.PixelShuffle(factor)]
            if activation is not None:
                steps.append(activation())
        super().__init__(*steps)
        self.factors = tuple(factors)

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The input pixels that these output pixels depend on."""
        for factor in reversed(self.factors):
            output = output.pixel_shuffle(factor).conv()
        return output


class DirectPixelShuffle(nn.Sequential):
    """(B, C, h, w) -> the image (B, out, s*h, s*w): one 3x3 convolution and one pixel shuffle."""

    def __init__(self, channels: int, out_channels: int, scale: int) -> None:
        super().__init__(nn.Conv2d(channels, out_channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        self.scale = scale

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The input pixels that these output pixels depend on."""
        return output.pixel_shuffle(self.scale).conv()


class UpsampleTail(nn.Module):
    """(B, C, h, w) -> the image (B, out, s*h, s*w): upsampled step by step, then a 3x3 convolution."""

    def __init__(self, channels: int, out_channels: int, factors: Sequence[int]) -> None:
        super().__init__()
        self.upsample = PixelShuffleUpsampler(channels, factors)
        self.to_image = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, feature: Tensor) -> Tensor:
        image: Tensor = self.to_image(self.upsample(feature))
        return image

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of the feature that these image pixels depend on."""
        return self.upsample.receptive_field(output.conv())


class PixelShuffleTail(nn.Module):
    """(B, C, h, w) -> the image (B, out, s*h, s*w): a convolution to 64 channels, upsampled step by step."""

    def __init__(self, channels: int, out_channels: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.conv_before_upsample = nn.Conv2d(channels, UPSAMPLER_CHANNELS, 3, padding=1)
        self.upsample = UpsampleTail(UPSAMPLER_CHANNELS, out_channels, factors)

    def forward(self, feature: Tensor) -> Tensor:
        image: Tensor = self.upsample(F.leaky_relu(self.conv_before_upsample(feature), 0.01))
        return image

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of the feature that these image pixels depend on."""
        return self.upsample.receptive_field(output).conv()


Upsampler = Literal["pixelshuffledirect", "pixelshuffle"]
UPSAMPLERS = ("pixelshuffledirect", "pixelshuffle")
UPSAMPLER_CHANNELS = 64
"""Of `pixelshuffle` in SwinIR and DAT; a constant of the published codes."""


def transformer_tail(
    network: str, upsampler: Upsampler, channels: int, out_channels: int, scale: int
) -> DirectPixelShuffle | PixelShuffleTail:
    """The tail of SwinIR and DAT: the light networks' single shuffle, or the others' in steps of two and three."""
    require_known(network, UPSAMPLERS, upsampler=upsampler)
    if upsampler == "pixelshuffledirect":
        return DirectPixelShuffle(channels, out_channels, scale)
    factors = shuffle_factors(f"{network} with upsampler pixelshuffle", scale)
    return PixelShuffleTail(channels, out_channels, factors)
