"""Enlarging by pixel shuffles: one small step a prime factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.window import Window

STEPS = (2, 3)


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
    for step in STEPS:
        while rest > 1 and rest % step == 0:
            rest //= step
            factors.append(step)
    return tuple(factors) if rest == 1 else None


class ShuffleUpsampling(nn.Sequential):
    """(B, C, h, w) -> (B, C, s*h, s*w): for each factor of s a 3x3 convolution and a pixel shuffle.

    Every step ends in what `activation` makes, if anything does.
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

    def sees(self, output: Window) -> Window:
        """The window of the input under a window of the output."""
        for factor in reversed(self.factors):
            output = output.pixel_shuffle(factor).conv()
        return output


class DirectUpsampling(nn.Sequential):
    """(B, C, h, w) -> the image (B, out, s*h, s*w): one 3x3 convolution and one pixel shuffle."""

    def __init__(self, channels: int, out_channels: int, scale: int) -> None:
        super().__init__(nn.Conv2d(channels, out_channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        self.scale = scale

    def sees(self, output: Window) -> Window:
        """The window of the input under a window of the output."""
        return output.pixel_shuffle(self.scale).conv()


class ImageTail(nn.Module):
    """(B, C, h, w) -> the image (B, out, s*h, s*w): enlarged by steps, then a 3x3 convolution."""

    def __init__(self, channels: int, out_channels: int, factors: Sequence[int]) -> None:
        super().__init__()
        self.enlarge = ShuffleUpsampling(channels, factors)
        self.to_image = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, feature: Tensor) -> Tensor:
        image: Tensor = self.to_image(self.enlarge(feature))
        return image

    def sees(self, output: Window) -> Window:
        """The window of the feature under a window of the image."""
        return self.enlarge.sees(output.conv())
