"""A scene in blocks: the tiles of each, and the pieces of tiles that reach from one block into others.

Where tiles fade into one another, a block ends where those of the next block begin to fade in. So what a block's tiles
make lies in it and in the blocks to the right and below, and no tile needs to be restored for more than one block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.window import Window
from refsr.inference.tile_io import TensorSink
from refsr.inference.tile_layout import Layout, Span

BLOCK = 256
"""Pixels of LR along the side of what is read, derived and written at once, at least."""
MOST_WAITING = 512e6
"""Bytes of pieces that wait for their blocks. Those beyond are made again where they are needed."""


class Block(NamedTuple):
    """A part of the restored raster, and the tiles that begin in it."""

    kept: Window
    """The part, in LR's pixels."""
    tiles: Layout
    before: tuple[int, ...]
    """The numbers of the blocks whose tiles reach into it, too."""

    @property
    def seen(self) -> Window:
        """The pixels of LR that its tiles see."""
        return _between((span.seen for span in self.tiles.rows), (span.seen for span in self.tiles.columns))

    @property
    def reach(self) -> Window:
        """The pixels of LR that its tiles are kept for, in this block and in others."""
        return _between((span.kept for span in self.tiles.rows), (span.kept for span in self.tiles.columns))


class Blocks(Sequence[Block]):
    """The blocks of a layout, row by row."""

    def __init__(self, layout: Layout) -> None:
        self._rows, self._columns = _groups(layout.rows), _groups(layout.columns)

    def __len__(self) -> int:
        return len(self._rows) * len(self._columns)

    def __getitem__(self, number: int) -> Block:  # type: ignore[override]
        if not 0 <= number < len(self):
            raise IndexError(number)
        row, column = divmod(number, len(self._columns))
        (top, bottom), (left, right) = (_edges(side, at) for side, at in ((self._rows, row), (self._columns, column)))
        above = row > 0 and self._rows[row - 1][-1].kept[1] > top
        beside = column > 0 and self._columns[column - 1][-1].kept[1] > left
        width = len(self._columns)
        steps = ((above and beside, width + 1), (above, width), (beside, 1))
        before = tuple(number - step for reached, step in steps if reached)
        return Block(
            Window(top, left, bottom - top, right - left), Layout(self._rows[row], self._columns[column]), before
        )

    def after(self, number: int) -> Iterator[int]:
        """The numbers of the blocks that its tiles may reach into."""
        width = len(self._columns)
        for step in (1, width, width + 1):
            if number + step < len(self) and number in self[number + step].before:
                yield number + step


class Piece(NamedTuple):
    """What of a tile lies in a block."""

    tile: tuple[int, int]
    """Where the whole tile begins: pieces are added in the order of these, as those of an image in memory are."""
    window: Window
    """In pixels of the restored raster, as the tile's corner is."""
    pixels: Tensor

    def common(self, window: Window) -> Piece | None:
        """What of it lies in a window."""
        common = self.window.common(window)
        if common.empty:
            return None
        rows, columns = common.within(self.window)
        return Piece(self.tile, common, self.pixels[..., rows, columns].clone())


class Pieces:
    """A tile sink that keeps tiles apart."""

    def __init__(self) -> None:
        self.all: list[Piece] = []

    def add(self, window: Window, tile: Tensor) -> None:
        window = Window(*window)
        self.all.append(Piece((window.top, window.left), window, tile.to("cpu", torch.float32)))

    def within(self, window: Window) -> list[Piece]:
        """What of them lies in a window."""
        return [piece for piece in (one.common(window) for one in self.all) if piece is not None]


class WaitingPieces:
    """Pieces that reach into blocks which are still to be restored, by the block and by that of their tiles."""

    def __init__(self) -> None:
        self._waiting: dict[int, dict[int, list[Piece]]] = {}
        self._bytes = 0

    def keep(self, source: int, target: int, pieces: list[Piece]) -> None:
        """What the tiles of a block make of another, if there is room."""
        if source not in self._waiting.get(target, {}) and self._bytes + _bytes(pieces) <= MOST_WAITING:
            self._waiting.setdefault(target, {})[source] = pieces
            self._bytes += _bytes(pieces)

    def take(self, target: int) -> dict[int, list[Piece]]:
        """What waits for a block, by the block of the tiles. Blocks go up: what waits for earlier ones is dropped."""
        found = self._waiting.get(target, {})
        for past in [one for one in self._waiting if one <= target]:
            self._bytes -= sum(map(_bytes, self._waiting.pop(past).values()))
        return found


def pixels_of(pieces: Sequence[Piece], window: Window) -> npt.NDArray[np.float32]:
    """(h, w, planes) of a window of the restored raster, which the pieces fill."""
    sink = TensorSink(window.height, window.width, dtype=torch.float32)
    for piece in sorted(pieces, key=lambda one: one.tile):
        place = piece.window
        sink.add(Window(place.top - window.top, place.left - window.left, place.height, place.width), piece.pixels)
    image: npt.NDArray[np.float32] = sink.image[0].permute(1, 2, 0).numpy()
    return image


def _groups(spans: Sequence[Span]) -> list[list[Span]]:
    """Neighbouring spans whose block is at least BLOCK pixels long together; the last ones may be shorter."""
    groups: list[list[Span]] = [[]]
    for span, following in zip(spans, [*spans[1:], None], strict=True):
        groups[-1].append(span)
        if following is not None and following.kept[0] - groups[-1][0].kept[0] >= BLOCK:
            groups.append([])
    return groups


def _edges(groups: Sequence[Sequence[Span]], at: int) -> tuple[int, int]:
    """Where a group's block begins and ends."""
    start = groups[at][0].kept[0]
    return start, groups[at][-1].kept[1] if at + 1 == len(groups) else groups[at + 1][0].kept[0]


def _between(rows: Iterator[tuple[int, int]], columns: Iterator[tuple[int, int]]) -> Window:
    """From the first to the last of spans along both sides."""
    (top, *_, bottom), (left, *_, right) = ([edge for span in side for edge in span] for side in (rows, columns))
    return Window(top, left, bottom - top, right - left)


def _bytes(pieces: Sequence[Piece]) -> int:
    return sum(piece.pixels.nbytes for piece in pieces)
