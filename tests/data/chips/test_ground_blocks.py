"""Splits of ground: functions of seed and coordinates, in the shares, with the gap between them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsr.data.chips.ground_blocks import GroundBlocks

SHARES = (0.8, 0.1, 0.1)
RADIUS = 6_335_439.0
"""Metres: the smallest radius of curvature of WGS 84, so that no distance is taken for longer than it is."""


def square(longitude, latitude, metres):
    """The outline of a square from its lower left corner."""
    up = metres / 110_574
    right = up / np.cos(np.radians(latitude))
    return longitude + np.array([0, right, right, 0]), latitude + np.array([0, 0, up, up])


def metres(one, other):
    """The least distance between points of two outlines on a sphere that is rather too small."""
    (lon, lat), (other_lon, other_lat) = one, other
    a = np.radians([lon, lat])[:, :, None]
    b = np.radians([other_lon, other_lat])[:, None, :]
    half = np.sin((a[1] - b[1]) / 2) ** 2 + np.cos(a[1]) * np.cos(b[1]) * np.sin((a[0] - b[0]) / 2) ** 2
    return 2 * RADIUS * np.arcsin(np.sqrt(half)).min()


@settings(deadline=None, max_examples=60)
@given(st.floats(-179, 180), st.floats(-75, 75), st.integers(0, 5))
def test_ground_of_other_splits_is_a_gap_away(longitude, latitude, seed):
    blocks = GroundBlocks(seed, (0.4, 0.3, 0.3), 1000, 200)
    step = 150 / 110_574
    found = {}
    for row in range(12):
        for column in range(12):
            ring = square(longitude + column * step / np.cos(np.radians(latitude)), latitude + row * step, 100)
            split = blocks.split(*ring)
            if split is not None:
                found.setdefault(split, []).append(ring)
    splits = sorted(found)
    for at, split in enumerate(splits):
        for other in splits[:at]:
            assert min(metres(one, two) for one in found[split] for two in found[other]) >= 200


def test_blocks_have_their_shares():
    blocks = GroundBlocks(0, SHARES, 1000, 100)
    counted = Counter(blocks.split_of(row, column) for row in range(100, 140) for column in range(200, 250))
    assert counted == {"train": 1600, "val": 200, "test": 200}
    odd = GroundBlocks(0, (0.7, 0.27, 0.03), 1000, 100)
    counted = Counter(odd.split_of(row, column) for row in range(100, 140) for column in range(200, 250))
    for split, share in (("train", 0.7), ("val", 0.27), ("test", 0.03)):
        assert counted[split] == pytest.approx(2000 * share, abs=20)


def test_what_has_no_share_gets_no_ground():
    for shares, used in (
        ((1.0, 0.0, 0.0), {"train"}),
        ((0.0, 0.0, 1.0), {"test"}),
        ((0.5, 0.0, 0.5), {"train", "test"}),
    ):
        blocks = GroundBlocks(3, shares, 1000, 0)
        assert {blocks.split_of(row, column) for row in range(40) for column in range(40)} == used


def test_blocks_are_as_large_as_they_say_at_every_latitude():
    """Walking east, the split changes at distances that are whole blocks, near the side."""
    for latitude in (0.0, 30.0, 60.0, 75.0):
        blocks = GroundBlocks(1, (0.5, 0.5, 0.0), 1000, 0)
        step = 10 / 111_320 / np.cos(np.radians(latitude))
        line = [blocks.split(np.array([7 + at * step]), np.array([latitude])) for at in range(20_000)]
        changes = [at for at in range(1, len(line)) if line[at] != line[at - 1]]
        lengths = np.diff(changes) * 10
        sizes = lengths / np.rint(lengths / 1000)
        assert 985 <= sizes.min() <= sizes.max() <= 1040


def test_across_the_antimeridian_ground_is_one():
    blocks = GroundBlocks(0, (0.5, 0.5, 0.0), 5000, 0)
    for latitude in np.linspace(-60, 60, 40):
        east = blocks.split(np.array([180.001]), np.array([latitude]))
        assert east == blocks.split(np.array([-179.999]), np.array([latitude]))


def test_seeds_differ():
    drawn = [[GroundBlocks(seed, (0.5, 0.5, 0.0), 1000, 0).split_of(row, 5) for row in range(60)] for seed in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]
