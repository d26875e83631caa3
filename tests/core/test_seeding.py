import numpy as np
import pytest

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


def test_numbers_are_the_same_on_every_machine():
    assert numpy_generator(0, "a", 1).integers(0, 1000, 4).tolist() == [624, 255, 456, 876]
    assert derive(7, "x") == derive(7, "x")
    assert torch_generator(0, "a").initial_seed() == torch_generator(0, "a").initial_seed()
