"""References made from images: a function of seed and name, displaced, hard to a degree, and registered like others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from refsr.core.errors import DataError, UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.data.build import build_dataset
from refsr.data.hardening.hardness import Hardness, hardness
from refsr.data.hardening.self_reference import self_reference
from refsr.data.images import read_image, write_image
from refsr.data.prepare.derive import PrepareSettings
from refsr.data.prepare.run import prepare
from refsr.data.sets.paired import PairedSet
from refsr.ops.resize import imresize
from refsr.registration import register
from refsr.worlds import make

SIDE = 192
MADE = {"lr": "from_hr", "lr_up": "from_lr"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("single")
    for index in range(2):
        write_image(root / "HR" / f"{index}.png", make(index, size=SIDE, seed=5).hr)
    return root


def built(folder: Path, **changes: Any) -> PairedSet:
    given = {"mode": "self_reference", "dataroot_GT": folder / "HR", **MADE, **changes}
    return build_dataset(DatasetOptions(**given), 4, 0)


def unit(file: Path) -> np.ndarray:
    return read_image(file) / np.float32(255)


def test_references_show_the_place_displaced(folder):
    """Registered, a reference is like LR; as it lies, it is less so; the displacement is a few pixels."""
    for index in range(2):
        hr = unit(folder / "HR" / f"{index}.png")
        ref = self_reference(hr, None, Hardness(), 0, str(index))
        found = register(imresize(hr, "1/4"), ref, 4).figures
        assert found.likeness > max(0.8, found.likeness_before + 0.1)
        assert 1 < found.shift < 12
        assert np.abs(ref - hr).mean() > 0.02


def test_hardness_makes_registered_references_less_like_lr(folder):
    hr, other = (unit(folder / "HR" / f"{index}.png") for index in (0, 1))

    def likeness(level: float) -> float:
        refs = [self_reference(hr, other, hardness(level), seed, "0") for seed in range(3)]
        return float(np.mean([register(imresize(hr, "1/4"), ref, 4).figures.likeness for ref in refs]))

    assert likeness(0) > likeness(0.5) + 0.03 > likeness(1) + 0.06


def test_samples_are_a_function_of_seed_index_and_draw(folder):
    first, again = built(folder, GT_size=64), built(folder, GT_size=64)
    again[1, 4]
    for name in ("hr", "ref", "ref_down", "lr_up"):
        torch.testing.assert_close(first[0, 9][name], again[0, 9][name], atol=0, rtol=0)
    window = Window(32, 64, 64, 48)
    torch.testing.assert_close(first.at(0, window)["ref"], first[0]["ref"][:, 32:96, 64:112], atol=0, rtol=0)
    assert first.provenance["ref"] == "from_hr (hardness 0.7)"
    assert first.provenance["ref_down"] == "from_ref"


def test_registered_they_come_with_a_weight(folder, tmp_path):
    plain, laid = built(folder), built(folder, register="local", register_cache=tmp_path, hardness=0.3)
    laid.serve(["ref_weight"])
    sample = laid[0]
    assert sample["ref_weight"].mean() > 0.4

    def alike(ref: torch.Tensor) -> float:
        return float(torch.corrcoef(torch.stack([ref.flatten(), sample["hr"].flatten()]))[0, 1])

    assert alike(sample["ref"]) > alike(plain[0]["ref"]) + 0.05
    assert "registered (local)" in laid.provenance["ref"]


def test_prepared_references_are_those_of_the_data_set(folder, tmp_path):
    settings = PrepareSettings(scale=4, self_reference=0.7, register="local")
    prepare(folder, tmp_path / "made", settings)
    ref = read_image(tmp_path / "made" / "Ref" / "1.png")
    torch.testing.assert_close(built(folder)[1]["ref"], torch.from_numpy(ref).permute(2, 0, 1) / 255, atol=1e-6, rtol=0)
    assert (tmp_path / "made" / "Ref_weight" / "1.png").is_file()
    assert prepare(folder, tmp_path / "made", settings).made == 0


def test_other_types_and_band_counts(tmp_path):
    generator = numpy_generator(0, "image")
    for name in "ab":
        write_image(tmp_path / "HR" / f"{name}.tif", generator.integers(0, 4000, (64, 64, 5), np.uint16))
    dataset = built(tmp_path, range=[0, 4095], bands=[1, 2, 4, 5])
    assert dataset[0]["ref"].shape == (4, 64, 64)
    assert dataset[0]["ref"].std() > 0.05


def test_mistakes_are_named(folder, tmp_path):
    write_image(tmp_path / "HR" / "a.png", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(DataError, match="there is one"):
        built(tmp_path)[0]
    write_image(tmp_path / "Ref" / "a.png", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(UsageError, match="references are made from single HR images"):
        prepare(tmp_path, folder / "made", PrepareSettings(scale=4, self_reference=0.5))
    with pytest.raises(UsageError, match=r"hardness 1.5 is out of range"):
        prepare(folder, tmp_path / "made", PrepareSettings(scale=4, self_reference=1.5))
