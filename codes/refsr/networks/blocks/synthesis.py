"""StyleGAN2's synthesis: from codes and a learnt constant, level by level, to an image; SpecGAN's latent bank."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion
from refsr.core.seeding import torch_generator
from refsr.networks.blocks.equalised import EqualLinear, pixel_normalised
from refsr.networks.blocks.modulated_conv import UPSAMPLES, StyledConv, ToImage, Upsample

Noise = Literal["fixed", "fresh", "none"]
NOISES = ("fixed", "fresh", "none")

SMALLEST = 4
"""Side of the learnt constant."""

WIDE = 32
"""Largest side at which a level has all the channels."""


def level_channels(side: int, widest: int, multiplier: int) -> int:
    """Channels at a side: `widest` up to 32, then `multiplier` times half as many, halved at each doubling."""
    return widest if side <= WIDE else widest * multiplier * WIDE // side


def sides_between(first: int, last: int) -> list[int]:
    """The powers of two from `first` to `last`, both included."""
    return [2**power for power in range(first.bit_length() - 1, last.bit_length())]


def codes_of(side: int) -> int:
    """How many codes an image of that side takes."""
    return 2 * (side.bit_length() - 1) - 2


def require_side(network: str, option: str, side: int, least: int = SMALLEST) -> None:
    """A UsageError unless `side` is a power of two from `least` on."""
    if side < least or side & (side - 1):
        near = max(least, 1 << max(0, side - 1).bit_length()) if side > 0 else least
        raise UsageError(f"{network}: {option} is {side}, expected a power of two from {least} on, such as {near}")


def require_channels(network: str, side: int, widest: int, multiplier: int) -> None:
    """A UsageError unless every level up to `side` has a channel."""
    if min(widest, multiplier) < 1 or level_channels(side, widest, multiplier) < 1:
        raise UsageError(
            f"{network}: latent_channels {widest} and channel_multiplier {multiplier} leave no channel at side {side}"
        )


class Mapping(nn.Sequential):
    """Draws (B, S) -> codes (B, S) of the kind that synthesis understands."""

    def __init__(self, code: int, layers: int, rate: float) -> None:
        super().__init__(*(EqualLinear(code, code, rate, activate=True) for _ in range(layers)))

    def forward(self, draws: Tensor) -> Tensor:
        codes = pixel_normalised(draws)
        for layer in self:
            codes = layer(codes)
        return codes


class NoiseMaps(nn.Module):
    """One map (1, 1, side, side) a layer, a function of the seed; part of the weights, since images depend on them."""

    def __init__(self, sides: list[int], seed: int, fresh: bool) -> None:
        super().__init__()
        self.fresh = fresh
        for at, side in enumerate(sides):
            self.register_buffer(str(at), torch.randn(1, 1, side, side, generator=torch_generator(seed, "noise", at)))

    def forward(self, at: int, batch: int) -> Tensor:
        """The map of layer `at`; while a fresh kind learns, one a sample (B, 1, side, side), drawn now."""
        kept = self.get_buffer(str(at))
        if self.fresh and self.training:
            return torch.randn(batch, 1, *kept.shape[2:], dtype=kept.dtype, device=kept.device)
        return kept


class Level(nn.Module):
    """Features (B, C, H, W) and image (B, I, H, W) -> both at twice the size."""

    def __init__(self, inputs: int, outputs: int, channels: int, code: int, upsample: Upsample, noisy: bool) -> None:
        super().__init__()
        self.enlarge = StyledConv(inputs, outputs, code, upsample, noisy)
        self.refine = StyledConv(outputs, outputs, code, noisy=noisy)
        self.to_image = ToImage(outputs, channels, code)

    def forward(
        self, features: Tensor, image: Tensor, codes: Tensor, noises: tuple[Tensor | None, Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """`codes` (B, 3, S): of the two convolutions, and of the image."""
        features = self.enlarge(features, codes[:, 0], noises[0])
        features = self.refine(features, codes[:, 1], noises[1])
        return features, self.to_image(features, codes[:, 2], image)


class Synthesis(nn.Module):
    """Codes (B, 2 log2(side) - 2, S) -> images (B, channels, side, side), or level by level."""

    def __init__(
        self,
        side: int,
        channels: int,
        code: int,
        widest: int,
        multiplier: int,
        upsample: Upsample,
        noise: Noise,
        noise_seed: int,
    ) -> None:
        super().__init__()
        for option, value, known in (("upsample", upsample, UPSAMPLES), ("noise", noise, NOISES)):
            if value not in known:
                hint = suggestion(str(value), known)
                raise UsageError(f"{option} {value!r} is not known{hint} (known: {', '.join(known)})")
        noisy = noise != "none"
        sides = sides_between(SMALLEST, side)
        widths = [level_channels(one, widest, multiplier) for one in sides]
        self.constant = nn.Parameter(torch.randn(1, widths[0], SMALLEST, SMALLEST))
        self.first = StyledConv(widths[0], widths[0], code, noisy=noisy)
        self.first_image = ToImage(widths[0], channels, code)
        self.levels = nn.ModuleList(
            Level(before, after, channels, code, upsample, noisy) for before, after in itertools.pairwise(widths)
        )
        maps = [sides[0], *(one for one in sides[1:] for _ in range(2))]
        self.noise = NoiseMaps(maps, noise_seed, noise == "fresh") if noisy else None

    def start(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Features and image at the smallest side."""
        constant = self.constant.expand(len(codes), -1, -1, -1)
        features = self.first(constant, codes[:, 0], self._noise(0, codes))
        return features, self.first_image(features, codes[:, 1], None)

    def enlarge(self, level: int, features: Tensor, image: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Both at twice the size, which is level 0 after the start; `codes` are all of them."""
        at = 2 * level + 1
        noises = (self._noise(at, codes), self._noise(at + 1, codes))
        larger: tuple[Tensor, Tensor] = self.levels[level](features, image, codes[:, at : at + 3], noises)
        return larger

    def forward(self, codes: Tensor) -> Tensor:
        features, image = self.start(codes)
        for level in range(len(self.levels)):
            features, image = self.enlarge(level, features, image, codes)
        return image

    def _noise(self, at: int, codes: Tensor) -> Tensor | None:
        return None if self.noise is None else self.noise(at, len(codes))
