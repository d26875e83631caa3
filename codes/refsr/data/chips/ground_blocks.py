"""Which ground trains, validates and tests: a function of a seed and of longitude and latitude, of nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from refsr.core.seeding import derive
from refsr.data.chips.settings import SPLITS
from refsr.geo.grid import Floats

DEGREE = 110_574.0
"""The fewest metres that a degree of latitude has: distances counted so are never shorter on the ground than said."""
POLE = 90.0
HALF_CIRCLE = 180.0
GROUP = (2, 5)
"""Rows and columns of neighbouring blocks that have the shares together: of ten, eight train by default."""


@dataclass(frozen=True)
class GroundBlocks:
    """The Earth in blocks of about `side` metres, each of one split, by chance, in the shares within every group.

    Rows have one height in degrees; a row has as many blocks as keep their width near `side` at its latitude. Scenes of
    one ground in different coordinate systems therefore agree on its split.
    """

    seed: int
    shares: tuple[float, float, float]
    side: float
    gap: float
    """Metres between ground of different splits that is used."""

    def split(self, longitudes: Floats, latitudes: Floats) -> str | None:
        """The split of the ground inside an outline; None where ground of another split lies within half the gap."""
        reach = self.gap / 2 / DEGREE
        south, north = float(latitudes.min()) - reach, float(latitudes.max()) + reach
        widest = max(abs(south), abs(north))
        if widest >= POLE:
            return None
        reach /= math.cos(math.radians(widest))
        west, east = float(longitudes.min()) - reach, float(longitudes.max()) + reach
        found: set[str] = set()
        for row in range(self._row(south), self._row(north) + 1):
            count = self._blocks(row)
            first, last = (math.floor((edge + HALF_CIRCLE) / (2 * HALF_CIRCLE) * count) for edge in (west, east))
            found |= {self.split_of(row, column % count) for column in range(first, min(last, first + count) + 1)}
            if len(found) > 1:
                return None
        return found.pop()

    def split_of(self, row: int, column: int) -> str:
        """The split of one block."""
        drawn = _drawn(self.seed, row // GROUP[0], column // GROUP[1])[row % GROUP[0]][column % GROUP[1]]
        edges = np.cumsum(self.shares)
        chosen: Sequence[str] = [name for name, edge in zip(SPLITS, edges, strict=True) if drawn < edge]
        return chosen[0] if chosen else [name for name, share in zip(SPLITS, self.shares, strict=True) if share][-1]

    def _row(self, latitude: float) -> int:
        return math.floor((latitude + POLE) * DEGREE / self.side)

    def _blocks(self, row: int) -> int:
        """Blocks along a row."""
        middle = min(POLE, (row + 0.5) * self.side / DEGREE - POLE)
        return max(1, math.floor(2 * HALF_CIRCLE * DEGREE * math.cos(math.radians(middle)) / self.side))


@lru_cache(maxsize=1024)
def _drawn(seed: int, row: int, column: int) -> list[list[float]]:
    """Numbers spread evenly over 0 to 1 for the blocks of one group, in an order by chance."""
    count = GROUP[0] * GROUP[1]
    offset = derive(seed, "chips", "group", row, column) / 2**128
    order = sorted(range(count), key=lambda at: derive(seed, "chips", "block", row, column, at))
    ranks = [(order.index(at) + offset) / count for at in range(count)]
    return [ranks[at * GROUP[1] : (at + 1) * GROUP[1]] for at in range(GROUP[0])]
