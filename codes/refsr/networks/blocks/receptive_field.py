"""Receptive fields, followed backwards through a network's layers; a network's halo is computed from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReceptiveField:
    """Pixels `first` to `last` along one side, both included; pixel 0 is the first of the result in question.

    Each method goes backwards through one layer: from a window of its output to the window of its input that it needs.
    """

    first: int
    last: int

    def conv(self, kernel: int = 3, stride: int = 1, times: int = 1) -> ReceptiveField:
        """Through `times` convolutions with an odd kernel, padded by half of it."""
        field, reach = self, kernel // 2
        for _ in range(times):
            field = ReceptiveField(field.first * stride - reach, field.last * stride + reach)
        return field

    def pixel_shuffle(self, factor: int = 2) -> ReceptiveField:
        """Through a pixel shuffle: each pixel comes from the coarse pixel that covers it."""
        return ReceptiveField(self.first // factor, self.last // factor)

    def pixel_unshuffle(self, factor: int = 2) -> ReceptiveField:
        """Through a pixel unshuffle or a mean over blocks: each coarse pixel comes from all that it covers."""
        return ReceptiveField(self.first * factor, self.last * factor + factor - 1)

    def bilinear(self, factor: int = 2) -> ReceptiveField:
        """Through bilinear upsampling with align_corners=False: two coarse neighbours along each axis."""
        return ReceptiveField(_left(self.first, factor), _left(self.last, factor) + 1)

    def windows(self, side: int, start: int = 0) -> ReceptiveField:
        """Through a layer that mixes all pixels of a window, windows of `side` pixels side by side, one at `start`."""
        return ReceptiveField(
            (self.first - start) // side * side + start, (self.last - start) // side * side + start + side - 1
        )

    def joined(self, other: ReceptiveField) -> ReceptiveField:
        """The smallest one that holds both."""
        return ReceptiveField(min(self.first, other.first), max(self.last, other.last))

    def shifted(self, pixels: int) -> ReceptiveField:
        """The same pixels, counted from a pixel 0 that lies `pixels` further left."""
        return ReceptiveField(self.first + pixels, self.last + pixels)

    def halo(self, factor: int = 1) -> int:
        """How many pixels of `factor` times the size are needed around the first of them."""
        return max(0, -(self.first // factor), self.last // factor)


def _left(pixel: int, factor: int) -> int:
    """floor((pixel + 1/2) / factor - 1/2) in whole numbers."""
    return (2 * pixel + 1 - factor) // (2 * factor)
