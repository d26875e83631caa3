"""Batches from workers are those of the data set, and bytes that travel packed become the same floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refsr.data.augmentation import FlipRotation
from refsr.data.images import write_image
from refsr.data.loading import StepSampler, batches
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
