"""Draws are a function of seed and path alone, and stay the same numbers for ever."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from refsr.core.seeding import derive, numpy_generator, torch_generator


def test_same_path_same_draws_in_any_order():
    first = [numpy_generator(3, "crop", i).random(4) for i in range(5)]
    again = [numpy_generator(3, "crop", i).random(4) for i in reversed(range(5))]
    np.testing.assert_array_equal(first, again[::-1])


@pytest.mark.parametrize("path", [("crop", 1), ("crop", "1"), ("crop", 2), ("flip", 1), ("crop",), ("crop", 1, 1)])
def test_every_part_of_the_path_counts(path):
    others = [("crop", 1), ("crop", "1"), ("crop", 2), ("flip", 1), ("crop",), ("crop", 1, 1)]
    assert [derive(0, *path) == derive(0, *other) for other in others].count(True) == 1
    assert derive(0, *path) != derive(1, *path)


GOLDEN: dict[tuple[int, tuple[str | int, ...]], int] = {
    (0, ("a",)): 0x85E926AAD3AF46975C90709C72A92BE8,
    (0, ()): 0x6CF5883A657A59E660B1034468A44012,
    (7, ("x",)): 0x29FEE8319212015782DBEA31BD72BEFC,
    (7, ("crop", 3, 11)): 0xDDD5A64E8ABF69A083107A1C206B2F58,
    (7, ("crop", "3", 11)): 0x949FE8D527D6B3C5F92F37C7A5659243,
    (8, ("crop", 3, 11)): 0x9C0EE42A4D667A8EDC42F6C4B5C143C4,
    (1099511627776, ("order", 0)): 0x767341FA1CB7A2FAB7404D8180B00C0C,
    (-1, ("turn", 12, 5)): 0x14ACB8B0D1CA2433EFC13250CE2DD823,
    (1, ("world", "noise", 4, "HR")): 0xC59E5D4605E4CA3831A450856B5B8CE4,
    (3, ("spoil", "clouds", 2)): 0x44CB226E0D1178AC5A8E8AA6DE609B94,
}
"""Seed and path: 16 bytes of blake2b, little endian, computed apart from refsr. Resumed runs rest on them."""


@pytest.mark.parametrize(("seed", "path"), GOLDEN)
def test_numbers_are_the_same_on_every_machine_and_in_every_version(seed, path):
    assert derive(seed, *path) == GOLDEN[seed, path]


def test_numbers_are_the_digest_of_seed_and_path():
    """The definition once more, written out: parts joined by a unit separator, each after the letter of its type."""
    text = b"7\x1fscrop\x1fi3\x1fi11"
    digest = hashlib.blake2b(text, digest_size=16).digest()
    assert derive(7, "crop", 3, 11) == sum(byte << 8 * place for place, byte in enumerate(digest))


def test_generators_draw_the_same_on_every_machine():
    assert numpy_generator(0, "a", 1).integers(0, 1000, 4).tolist() == [624, 255, 456, 876]
    assert numpy_generator(7, "crop", 3, 11).integers(0, 1000, 4).tolist() == [647, 22, 177, 490]
    assert torch_generator(0, "a").initial_seed() == GOLDEN[0, ("a",)] & (2**63 - 1)
    assert torch.randint(0, 1000, (4,), generator=torch_generator(7, "noise", 5)).tolist() == [737, 950, 742, 464]


def test_every_seed_label_step_and_index_draws_its_own():
    paths = [
        (seed, label, step, index)
        for seed in (0, 1, 7)
        for label in ("crop", "turn", "order")
        for step in range(6)
        for index in range(6)
    ]
    drawn = {tuple(numpy_generator(*path).random(2)) for path in paths}
    assert len(drawn) == len(paths)
