"""How far a pixel sees: the window of a layer's input that a window of its output rests on, along one side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Pixels `first` to `last`, both included; zero is the first pixel of the result in question.

    Each method goes from a layer's output to its input, so a network's path is followed backwards.
    """

    first: int
    last: int

    def conv(self, kernel: int = 3, stride: int = 1, times: int = 1) -> Window:
        """Through `times` convolutions with an odd kernel, padded by half of it."""
        window, reach = self, kernel // 2
        for _ in range(times):
            window = Window(window.first * stride - reach, window.last * stride + reach)
        return window

    def pixel_shuffle(self, factor: int = 2) -> Window:
        """Through a pixel shuffle: each pixel comes from the coarse one that covers it."""
        return Window(self.first // factor, self.last // factor)

    def bilinear(self, factor: int = 2) -> Window:
        """Through a bilinear enlargement with corners not aligned: two coarse neighbours each way."""
        return Window(_left(self.first, factor), _left(self.last, factor) + 1)

    def cells(self, side: int, start: int = 0) -> Window:
        """Through what mixes all pixels of a cell, where cells of `side` pixels lie side by side, one at `start`."""
        return Window(
            (self.first - start) // side * side + start, (self.last - start) // side * side + start + side - 1
        )

    def joined(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return Window(min(self.first, other.first), max(self.last, other.last))

    def shifted(self, pixels: int) -> Window:
        """The same pixels counted from one that lies `pixels` to the left of the former first one."""
        return Window(self.first + pixels, self.last + pixels)

    def halo(self, factor: int = 1) -> int:
        """How many pixels, `factor` times as large, are needed around the first one of those."""
        return max(0, -(self.first // factor), self.last // factor)


def _left(pixel: int, factor: int) -> int:
    """floor((pixel + 1/2) / factor - 1/2) in whole numbers."""
    return (2 * pixel + 1 - factor) // (2 * factor)
