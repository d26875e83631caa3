"""A denoiser that evaluates the network tile by tile at every noise level, so that large images have no seams.

Tiles that are sampled separately differ where they meet even with shared noise, since small differences grow with
every step. Here the tiles of each network evaluation are blended before the sampler continues.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from refsr.core.progress import ProgressBar
from refsr.networks.refdiff.blocks import Conditions
from refsr.tasks.base import Tile
from refsr.tasks.diffusion.denoiser import Denoiser


class TiledDenoiser:
    """Image (B, C, H, W) and sigma -> the expected clean image, from a network that never sees more than a tile.

    Prepared conditions of a tile are computed again at every sigma: stored, their memory would grow with the image.
    """

    def __init__(self, network: Denoiser, conditions: Conditions, tiles: Sequence[Tile], bar: ProgressBar) -> None:
        self.network, self.conditions, self.tiles, self.bar = network, conditions, tiles, bar

    def __call__(self, image: Tensor, sigma: float) -> Tensor:
        result = torch.zeros_like(image)
        for tile in self.tiles:
            rows, columns = tile.seen
            lr_up, ref, mask = (one[..., rows, columns] for one in self.conditions)
            prepared = self.network.prepare(lr_up, ref, mask, False)
            clean = self.network.denoise(image[..., rows, columns], sigma, prepared).to(image.dtype)
            inside = tuple(
                slice(kept.start - seen.start, kept.stop - seen.start)
                for kept, seen in zip(tile.kept, tile.seen, strict=True)
            )
            down, across = (torch.tensor(weights, dtype=image.dtype, device=image.device) for weights in tile.weights)
            result[..., tile.kept[0], tile.kept[1]] += clean[..., inside[0], inside[1]] * down[:, None] * across
            self.bar.advance()
        return result


class WholeDenoiser:
    """The same from a network that sees the whole image; its conditions are prepared once."""

    def __init__(self, network: Denoiser, conditions: Conditions, convolved: bool, bar: ProgressBar) -> None:
        self.network, self.bar = network, bar
        self.prepared = network.prepare(*conditions, convolved)

    def __call__(self, image: Tensor, sigma: float) -> Tensor:
        clean = self.network.denoise(image, sigma, self.prepared).to(image.dtype)
        self.bar.advance()
        return clean


def extend_to_padding(tiles: Sequence[Tile], sides: tuple[int, int], padded: tuple[int, int]) -> list[Tile]:
    """Tiles of an image with these sides; those at its bottom and right also get what is padded there."""
    found = []
    for tile in tiles:
        seen, kept, weights = zip(
            *(_extend_axis(*one) for one in zip(tile.seen, tile.kept, tile.weights, sides, padded, strict=True)),
            strict=True,
        )
        found.append(Tile((seen[0], seen[1]), (kept[0], kept[1]), (weights[0], weights[1])))
    return found


def _extend_axis(
    seen: slice, kept: slice, weights: Sequence[float], length: int, padded: int
) -> tuple[slice, slice, Sequence[float]]:
    if seen.stop != length:
        return seen, kept, weights
    more = padded - length if kept.stop == length else 0
    return slice(seen.start, padded), slice(kept.start, kept.stop + more), [*weights, *[1.0] * more]
