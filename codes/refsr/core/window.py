"""Rectangles of pixels, and the arithmetic of cutting an image into them."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The first column to the right of it."""
        return self.left + self.width

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.height <= 0 or self.width <= 0

    def times(self, factor: int) -> Window:
        """The same ground in pixels a `factor`-th as large."""
        return Window(*(edge * factor for edge in self))

    def reduced(self, ratio: int) -> Window:
        """The window in an image whose pixels are `ratio` times as large, rounded down."""
        return Window(*(edge // ratio for edge in self))

    def surrounded(self, ratio: int, margin: int, height: int, width: int) -> Window:
        """The smallest window of whole cells of `ratio` pixels that holds this one and `margin` cells around it."""
        top, left = (max(0, start // ratio - margin) * ratio for start in (self.top, self.left))
        bottom = min(height, (-(-self.bottom // ratio) + margin) * ratio)
        right = min(width, (-(-self.right // ratio) + margin) * ratio)
        return Window(top, left, bottom - top, right - left)

    def grown(self, margin: int) -> Window:
        """The window and `margin` pixels around it."""
        return Window(self.top - margin, self.left - margin, self.height + 2 * margin, self.width + 2 * margin)

    def common(self, other: Window) -> Window:
        """The pixels that lie in both; `empty` where there are none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Window(top, left, min(self.bottom, other.bottom) - top, min(self.right, other.right) - left)

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Rows and columns of this window in an array that holds `outer`."""
        top, left = self.top - outer.top, self.left - outer.left
        return slice(top, top + self.height), slice(left, left + self.width)
