"""Whether the numbers of a cube lie in the order that its header says.

All three orders fill a file alike, so a wrong one shows in nothing but the values: neighbours in rows, columns and
bands are no longer alike. Of Indian Pines and of made-up worlds the right order is never rougher than another by more
than a thirtieth, and a wrong one is 1.7 to 20 times as rough where bands are as narrow as an imaging spectrometer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from refsr.data.images import Array

# The right order is less rough than this, in proportion to the declared one.
CLEARLY = 0.6
# Neighbours in a real cube differ by less than this, in proportion to how all its values do.
SMOOTH = 0.5
BLOCK = 64
SMALLEST = 4
# The largest differences are left out: borders of holes are no evidence.
COUNTED = 0.9


def smoother_order(
    numbers: Array, orders: Mapping[str, str], sides: Mapping[str, int], declared: str
) -> tuple[str, float] | None:
    """The order in which a file's numbers are clearly smoother than in the declared one, and how many times.

    `orders` say for each name where rows (r), columns (c) and bands (b) stand, `sides` how many of each there are.
    """
    if min(sides.values()) < SMALLEST:
        return None
    blocks = {name: _block(numbers, order, sides) for name, order in orders.items()}
    rough = {name: _roughness(block) for name, block in blocks.items()}
    best = min(rough, key=lambda name: rough[name])
    # Where nothing differs from its neighbours at all, or all as much as from anything, there is no evidence.
    if not 0 < rough[best] < min(CLEARLY * rough[declared], SMOOTH * _spread(blocks[best])):
        return None
    return best, rough[declared] / rough[best]


def _block(numbers: Array, order: str, sides: Mapping[str, int]) -> Array:
    """The middle of the cube, read in an order."""
    cube = numbers.reshape([sides[side] for side in order])
    middle: Sequence[slice] = [
        slice(max(0, length // 2 - BLOCK // 2), length // 2 + BLOCK // 2) for length in cube.shape
    ]
    return np.asarray(cube[tuple(middle)], np.float64)


def _spread(block: Array) -> float:
    with np.errstate(all="ignore"):
        apart = np.abs(block - np.median(block))
    return float(apart[np.isfinite(apart)].mean()) if np.isfinite(apart).any() else 0.0


def _roughness(block: Array) -> float:
    """How unlike neighbours are along the axis along which they are least alike."""
    found = []
    for axis in range(3):
        # NaN and infinity are reported elsewhere.
        with np.errstate(all="ignore"):
            differences = np.abs(np.diff(block, axis=axis)).ravel()
        differences = differences[np.isfinite(differences)]
        kept = max(1, int(len(differences) * COUNTED))
        found.append(float(np.partition(differences, kept - 1)[:kept].mean()) if len(differences) else 0.0)
    return max(found)
