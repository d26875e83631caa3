"""LR degraded while samples are read: a function of seed, index and draw, cut like the files of a prepared set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from refsr.core.errors import UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.data.build import build_dataset
from refsr.data.degradation.presets import preset
from refsr.data.degradation.steps import apply_steps
from refsr.data.images import write_image
from refsr.data.sets.paired import PairedSet

SCALE = 4
MADE = {"lr": "from_hr", "lr_up": "from_lr", "ref_down": "from_ref"}


@pytest.fixture
def folder(tmp_path):
    for kind in ("HR", "Ref"):
        for name in "abc":
            image = numpy_generator(0, kind, name).integers(0, 256, (64, 48, 3), np.uint8)
            write_image(tmp_path / kind / f"{name}.png", image)
    return tmp_path


def built(folder, seed: int = 0, **changes: Any) -> PairedSet:
    roots = {"dataroot_GT": folder / "HR", "dataroot_Ref": folder / "Ref"}
    given = {"mode": "reference", **roots, "GT_size": 32, **MADE, "degradation": "sensors", **changes}
    return build_dataset(DatasetOptions(**given), SCALE, seed)


def test_a_sample_is_a_function_of_seed_index_and_draw(folder):
    first, again = built(folder), built(folder)
    again[0, 3], again[2, 5]
    torch.testing.assert_close(first[1, 7]["lr"], again[1, 7]["lr"], atol=0, rtol=0)
    alone = {"GT_size": None, "use_flip": False}
    draws = [built(folder, **alone)[1, draw]["lr"] for draw in range(4)]
    assert all(not torch.equal(draws[0], other) for other in draws[1:])
    assert not torch.equal(built(folder, 1, **alone)[1, 0]["lr"], draws[0])


def test_a_window_is_cut_from_the_whole(folder):
    dataset = built(folder)
    whole, part = dataset[1], dataset.at(1, Window(16, 8, 32, 24))
    torch.testing.assert_close(part["lr"], whole["lr"][:, 4:12, 2:8], atol=0, rtol=0)
    torch.testing.assert_close(part["lr_up"], whole["lr_up"][:, 16:48, 8:32], atol=2e-6, rtol=0)


def test_upsampled_lr_and_blended_references_are_of_the_same_lr(folder):
    sample = built(folder, ref_missing=1.0, GT_size=None)[0, 5]
    torch.testing.assert_close(sample["ref"], sample["lr_up"], atol=0, rtol=0)


def test_eight_bits_are_what_prepare_gives(folder):
    dataset = built(folder, degradation="mtf")
    hr = np.rint(dataset[2]["hr"].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    steps = preset("mtf").draw(numpy_generator(0, "degradation", 2), 64, 48, SCALE)
    lr = np.floor(apply_steps(hr, steps) * 255 + 0.5) / 255
    np.testing.assert_allclose(dataset[2]["lr"].permute(1, 2, 0).numpy(), lr, atol=1e-6)
    assert dataset.provenance["lr"] == "from_hr (mtf)"


def test_sixteen_bits_have_noise_of_the_range_that_is_used(tmp_path):
    write_image(tmp_path / "HR" / "a.tif", np.full((256, 256, 3), 1000, np.uint16))
    given = {"dataroot_GT": tmp_path / "HR", "mode": "single", "range": [0, 2000], "degradation": "noise"}
    lr = build_dataset(DatasetOptions(**given), SCALE, 0)[0]["lr"]
    assert abs(float(lr.std()) - 30 / 255) < 0.01


def test_an_unknown_degradation_is_named(folder):
    with pytest.raises(UsageError, match="degradation 'sensor' is not known; did you mean 'sensors'"):
        built(folder, degradation="sensor")
