"""StyleGAN2's mapping and synthesis networks; the synthesis network is SpecGAN's latent bank."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion
from refsr.core.seeding import torch_generator
from refsr.networks.blocks.stylegan2_layers import (
    UPSAMPLES,
    EqualizedLinear,
    StyledConv,
    ToRGB,
    Upsample,
    pixel_norm,
)

Noise = Literal["fixed", "random", "none"]
NOISES = ("fixed", "random", "none")

SMALLEST = 4
"""Side of the learned constant input."""

WIDEST_SIDE = 32
"""Largest side with the full number of channels."""


def level_channels(side: int, widest: int, multiplier: int) -> int:
    """Channels at a side: `widest` up to 32, then `multiplier` * `widest` * 32 / side."""
    return widest if side <= WIDEST_SIDE else widest * multiplier * WIDEST_SIDE // side


def sides_from_to(first: int, last: int) -> list[int]:
    """The powers of two from `first` to `last`, both included."""
    return [2**power for power in range(first.bit_length() - 1, last.bit_length())]


def code_count(side: int) -> int:
    """Number of style codes for an image of this side."""
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


class MappingNetwork(nn.Sequential):
    """The mapping network: latents z (B, S) -> style codes w (B, S)."""

    def __init__(self, code: int, layers: int, rate: float) -> None:
        super().__init__(*(EqualizedLinear(code, code, rate, activate=True) for _ in range(layers)))

    def forward(self, latents: Tensor) -> Tensor:
        codes = pixel_norm(latents)
        for layer in self:
            codes = layer(codes)
        return codes


class NoiseMaps(nn.Module):
    """One noise map (1, 1, side, side) a layer, a function of the seed; saved with the weights."""

    def __init__(self, sides: list[int], seed: int, random: bool) -> None:
        super().__init__()
        self.random = random
        for at, side in enumerate(sides):
            self.register_buffer(str(at), torch.randn(1, 1, side, side, generator=torch_generator(seed, "noise", at)))

    def forward(self, at: int, batch: int) -> Tensor:
        """The map of layer `at`; with random noise, in training mode, a new one a sample (B, 1, side, side)."""
        stored = self.get_buffer(str(at))
        if self.random and self.training:
            return torch.randn(batch, 1, *stored.shape[2:], dtype=stored.dtype, device=stored.device)
        return stored


class SynthesisBlock(nn.Module):
    """A block of the synthesis network: features (B, C, H, W) and image (B, I, H, W) -> both at twice the size."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        channels: int,
        code: int,
        upsample: Upsample,
        with_noise: bool,
    ) -> None:
        super().__init__()
        self.conv_up = StyledConv(inputs, outputs, code, upsample, with_noise)
        self.conv = StyledConv(outputs, outputs, code, with_noise=with_noise)
        self.to_rgb = ToRGB(outputs, channels, code)

    def forward(
        self, features: Tensor, image: Tensor, codes: Tensor, noises: tuple[Tensor | None, Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """`codes` (B, 3, S): for the two convolutions and for ToRGB."""
        features = self.conv_up(features, codes[:, 0], noises[0])
        features = self.conv(features, codes[:, 1], noises[1])
        return features, self.to_rgb(features, codes[:, 2], image)


class SynthesisNetwork(nn.Module):
    """The synthesis network: codes (B, 2 log2(side) - 2, S) -> images (B, channels, side, side), or block by block."""

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
        with_noise = noise != "none"
        sides = sides_from_to(SMALLEST, side)
        widths = [level_channels(one, widest, multiplier) for one in sides]
        self.constant = nn.Parameter(torch.randn(1, widths[0], SMALLEST, SMALLEST))
        self.first_conv = StyledConv(widths[0], widths[0], code, with_noise=with_noise)
        self.first_to_rgb = ToRGB(widths[0], channels, code)
        self.blocks = nn.ModuleList(
            SynthesisBlock(before, after, channels, code, upsample, with_noise)
            for before, after in itertools.pairwise(widths)
        )
        maps = [sides[0], *(one for one in sides[1:] for _ in range(2))]
        self.noise = NoiseMaps(maps, noise_seed, noise == "random") if with_noise else None

    def start(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Features and image at the smallest side."""
        constant = self.constant.expand(len(codes), -1, -1, -1)
        features = self.first_conv(constant, codes[:, 0], self._noise(0, codes))
        return features, self.first_to_rgb(features, codes[:, 1], None)

    def upsample(self, level: int, features: Tensor, image: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """One block: both at twice the size; block 0 follows `start`. `codes` are all codes."""
        at = 2 * level + 1
        noises = (self._noise(at, codes), self._noise(at + 1, codes))
        larger: tuple[Tensor, Tensor] = self.blocks[level](features, image, codes[:, at : at + 3], noises)
        return larger

    def forward(self, codes: Tensor) -> Tensor:
        features, image = self.start(codes)
        for level in range(len(self.blocks)):
            features, image = self.upsample(level, features, image, codes)
        return image

    def _noise(self, at: int, codes: Tensor) -> Tensor | None:
        return None if self.noise is None else self.noise(at, len(codes))
