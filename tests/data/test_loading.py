"""Batches from workers are those of the data set, and bytes that travel packed become the same floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refsr.core.errors import DataError
from refsr.data.augmentation import FlipRotation
from refsr.data.images import write_image
from refsr.data.loading import StepSampler, batches, epoch_order
from refsr.data.ranges import to_unit
from refsr.data.sample import unit_tensor
from refsr.data.sets.paired import Cropping, Member, PairedSet
from refsr.data.stores import open_store


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("set")
    draw = np.random.default_rng(0)
    for i in range(3):
        write_image(root / "hr" / f"{i}.png", draw.integers(0, 256, (32, 40, 3), dtype=np.uint8))
        write_image(root / "ref" / f"{i}.npy", draw.integers(0, 4096, (32, 40, 3), dtype=np.uint16))
    members = {"hr": Member(open_store(root / "hr")), "ref": Member(open_store(root / "ref"), range=(0, 4095))}
    return PairedSet(members, 4, derive=("lr", "lr_up"), cropping=Cropping(16, "aligned", flip=True, rotate=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_samples(dataset, workers):
    sampler = StepSampler(3, 2, 1, 4, seed=0)
    for step, (indices, batch) in enumerate(zip(sampler, batches(dataset, sampler, workers), strict=True)):
        for row, item in enumerate(indices):
            sample = dataset[item]
            assert batch["name"][row] == sample["name"]
            for member in ("hr", "ref", "lr", "lr_up"):
                assert torch.equal(batch[member][row], sample[member]), (step, member)


@pytest.mark.parametrize(
    "turn", [FlipRotation(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]
)
@pytest.mark.parametrize(("bands", "dtype"), [(1, "uint8"), (3, "uint8"), (5, "uint16"), (200, "float32")])
def test_planes_are_turned_as_images_are(turn, bands, dtype):
    image = (np.random.default_rng(0).random((6, 9, bands)) * 200).astype(dtype)
    planes = turn.planes(image)
    np.testing.assert_array_equal(planes, turn.apply(image).transpose(2, 0, 1))
    assert planes.flags.c_contiguous


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("uint8", 0, 255), ("uint8", 16, 235), ("uint16", 0, 4095), ("float32", 0, 1), ("float32", -1, 3)],
)
def test_tensors_and_arrays_become_the_same_floats(dtype, low, high):
    raw = (np.random.default_rng(0).random((4, 5, 3)) * 5000 % 300 - (100 if dtype == "float32" else 0)).astype(dtype)
    np.testing.assert_array_equal(unit_tensor(torch.from_numpy(raw), low, high).numpy(), to_unit(raw, low, high))


SAMPLES = 5


def expected_steps(batch: int, first: int, last: int, seed: int) -> list[list[tuple[int, int]]]:
    """(index, draw) of each step, from the definition: step s takes the draws from (s - 1) * batch on."""
    order = [int(index) for epoch in range(last * batch // SAMPLES + 1) for index in epoch_order(seed, epoch, SAMPLES)]
    return [
        [(order[draw], draw) for draw in range((step - 1) * batch, step * batch)] for step in range(first, last + 1)
    ]


@pytest.mark.parametrize("batch", [6, 12])
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("first", [1, 2, 3, 8])
def test_a_sampler_yields_the_draws_of_its_steps_from_any_start(batch, processes, first):
    samplers = [StepSampler(SAMPLES, batch, first, 9, seed=3, rank=rank, world=processes) for rank in range(processes)]
    shares = [list(sampler) for sampler in samplers]
    assert [len(sampler) for sampler in samplers] == [10 - first] * processes
    assert all(len(share) == batch // processes for steps in shares for share in steps)
    together = [[item for share in step for item in share] for step in zip(*shares, strict=True)]
    assert together == expected_steps(batch, first, 9, seed=3)


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("batch", [6, 12])
def test_a_resumed_sampler_is_the_tail_of_the_whole_one(batch, processes):
    for rank in range(processes):
        whole = list(StepSampler(SAMPLES, batch, 1, 9, seed=0, rank=rank, world=processes))
        for first in range(1, 11):
            resumed = list(StepSampler(SAMPLES, batch, first, 9, seed=0, rank=rank, world=processes))
            assert resumed == whole[first - 1 :]


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_every_epoch_visits_every_sample_once_in_an_order_of_its_own(batch):
    draws = [item for step in StepSampler(SAMPLES, batch, 1, 6 * SAMPLES, seed=0) for item in step]
    assert [draw for _, draw in draws] == list(range(6 * SAMPLES * batch))
    epochs = [[index for index, _ in draws[start : start + SAMPLES]] for start in range(0, len(draws), SAMPLES)]
    assert all(sorted(epoch) == list(range(SAMPLES)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > len(epochs) // 2
    other = [index for step in StepSampler(SAMPLES, batch, 1, SAMPLES, seed=1) for index, _ in step]
    assert other != [index for index, _ in draws[: len(other)]]


def test_a_batch_that_does_not_divide_and_an_empty_set_are_refused():
    with pytest.raises(DataError, match="batch_size 4 does not divide by 3 processes"):
        StepSampler(SAMPLES, 4, 1, 2, seed=0, world=3)
    with pytest.raises(DataError, match="no samples"):
        StepSampler(0, 4, 1, 2, seed=0)
    assert list(StepSampler(SAMPLES, 4, 3, 2, seed=0)) == []
