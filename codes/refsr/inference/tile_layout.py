"""How an image is laid out in tiles: what each tile sees, what is kept of its result, and how neighbours fade."""

from __future__ import annotations

import functools
import itertools
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from refsr.core.errors import UsageError
from refsr.core.window import Window
from refsr.networks.descriptor import Descriptor

LOG = logging.getLogger(__name__)

MARGIN = 8
"""Low-resolution pixels seen beyond the halo, for sampling points that move: more than published images are off by."""
OVERLAP = 32
"""Low-resolution pixels seen around a tile where the network's halo is not known, or where it costs too much."""
CONTEXTS = 8
"""Of networks without a halo that name a context, automatic tiles see a square of so many times that."""
AUTOMATIC_SIDE = 640
"""High-resolution pixels: images up to a square of this are one tile; it takes published RRSNet about 6 GB."""
MOST_WORK = 8
"""Times the pixels of the image: where tiles see more in all, a wider tile is named. Automatic ones see up to 4."""

Sizes = Mapping[str, tuple[int, int]]
"""Height and width of each member of a batch, LR among them."""


@dataclass(frozen=True)
class Span:
    """A tile along one side of an image, in low-resolution pixels."""

    seen: tuple[int, int]
    """What the network gets; it ends inside the image only where more would change nothing, or little."""
    kept: tuple[int, int]
    """What of its result is kept."""
    fade_in: int = 0
    """How many of the first kept pixels the tile before keeps too."""
    fade_out: int = 0
    """How many of the last kept pixels the next tile keeps too."""

    def weights(self, scale: int) -> list[float]:
        """How much each kept row or column of the result counts; over all tiles they sum to one."""
        count = (self.kept[1] - self.kept[0]) * scale
        rise, fall = self.fade_in * scale, self.fade_out * scale
        up = [(i + 0.5) / rise for i in range(rise)]
        down = [1 - (i + 0.5) / fall for i in range(fall)]
        return up + [1.0] * (count - rise - fall) + down


@dataclass(frozen=True)
class Layout:
    """The tiles of an image, row by row."""

    rows: list[Span]
    columns: list[Span]

    @property
    def seen(self) -> int:
        """How many low-resolution pixels all tiles see together."""
        height, width = (sum(span.seen[1] - span.seen[0] for span in side) for side in (self.rows, self.columns))
        return height * width

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Span, Span]]:
        return ((row, column) for row in self.rows for column in self.columns)


def lay_out(descriptor: Descriptor, sizes: Sizes, tile: int | None, overlap: int) -> Layout:
    """Tiles of about `tile` low-resolution pixels that see `overlap` around them; None: the whole image.

    `overlap` 0 takes the halo and MARGIN. With less than the halo, or for a network without one, neighbours fade into
    one another and the result is approximate; a warning is logged. Another warning names a wider tile where most of
    what tiles see is seen more than once.
    """
    height, width = sizes["lr"]
    if tile is None or tile >= max(height, width):
        return Layout([Span((0, height), (0, height))], [Span((0, width), (0, width))])
    if tile < 1 or overlap < 0:
        raise UsageError(f"tiles of {tile} with an overlap of {overlap}: expected 1 or more with 0 or more")
    halo = descriptor.halo
    context = seen_around(descriptor, overlap)
    exact = halo is not None and context >= halo
    grid, sides = math.lcm(descriptor.multiple, descriptor.tile_grid), []
    for axis, length in enumerate((height, width)):
        step = _step(grid, length, [size[axis] for size in sizes.values()])
        sides.append(_spans(length, tile, context, 0 if exact else context // 2, step))
    layout = Layout(*sides)
    if not exact and len(layout) > 1:
        _warn_once(inexact(descriptor, context))
    if layout.seen > MOST_WORK * height * width:
        times = min(len(layout), round((1 + 2 * context / tile) ** 2))
        _warn_once(
            f"tiles of {tile} see {context} pixels around them, so a pixel is computed up to {times} times; "
            f"in tiles of {2 * context} it would be at most 4"
        )
    return layout


def seen_around(descriptor: Descriptor, overlap: int) -> int:
    """LR pixels that tiles see around them, where `overlap` 0 leaves it to the network."""
    own = descriptor.context or OVERLAP if descriptor.halo is None else descriptor.halo + MARGIN
    return overlap or own


def inexact(descriptor: Descriptor, context: int) -> str:
    """The warning where tiles do not see enough, empty where they do."""
    halo = descriptor.halo
    if halo is not None and context >= halo:
        return ""
    if halo is None and descriptor.context is not None and context >= descriptor.context:
        return (
            f"the network has no halo; tiles see {context} pixels around them, so what is restored is near to the "
            "image in one piece, not equal"
        )
    if halo is None:
        return (
            "the network has no halo: a pixel may depend on the whole image, so what is restored in tiles is not what "
            "it makes of the whole; a tile as large as the image is exact, where memory allows it"
        )
    return (
        f"tiles see {context} pixels around them, the network farther (its halo is {halo}): "
        "what is restored is near to the untiled image, not equal"
    )


def automatic_tile_size(
    descriptor: Descriptor, height: int, width: int, most: int | None = None
) -> tuple[int | None, int]:
    """Tile and overlap for an LR image (height, width), so that what a pass sees does not grow with the image.

    The halo is kept where that costs no more than four times the work of the whole image; else OVERLAP is seen.
    """
    if descriptor.halo is None and descriptor.context is not None:
        side, overlap = CONTEXTS * descriptor.context, descriptor.context
        return (None, 0) if height * width <= side * side else (side - 2 * overlap, overlap)
    side = max(1, (most or AUTOMATIC_SIDE) // descriptor.scale)
    if height * width <= side * side:
        return None, 0
    halo = descriptor.halo
    if halo is not None and 4 * (halo + MARGIN) <= side:
        return side - 2 * (halo + MARGIN), 0
    overlap = min(OVERLAP, side // 4)
    return max(1, side - 2 * overlap), overlap


def window_of(row: Span, column: Span) -> Window:
    """The LR pixels that a tile sees."""
    return Window(row.seen[0], column.seen[0], row.seen[1] - row.seen[0], column.seen[1] - column.seen[0])


def _step(multiple: int, length: int, members: list[int]) -> int:
    """Cut at multiples of this many LR pixels, no member is cut inside one of its pixels, and padding is the same."""
    return math.lcm(multiple, *(length // math.gcd(length, member) for member in members))


def _spans(length: int, tile: int, context: int, fade: int, step: int) -> list[Span]:
    """Tiles of nearly equal length that begin and end on the grid, and see `context` around them inside the image."""
    cells = -(-length // step)
    count = max(1, math.ceil(cells / max(1, tile // step)))
    edges = [min(length, round(i * cells / count) * step) for i in range(count + 1)]
    shortest = min(stop - start for start, stop in itertools.pairwise(edges))
    fade = min(fade, shortest // 2)
    # A padded tile mirrors what it sees, which must reach as far as the padding does.
    around = -(-max(context, step if step > 1 else 0) // step) * step
    spans = []
    for start, stop in itertools.pairwise(edges):
        before, after = (0 if edge in (0, length) else fade for edge in (start, stop))
        seen = max(0, start - around), min(length, stop + around)
        spans.append(Span(seen, (start - before, stop + after), 2 * before, 2 * after))
    return spans


@functools.cache
def _warn_once(text: str) -> None:
    LOG.warning(text)
