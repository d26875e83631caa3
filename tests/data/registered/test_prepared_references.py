"""What refsr prepare --register writes is what a data set registers on the fly, to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from refsr.cli.main import main
from refsr.core.errors import DataError, UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.images import images_in, read_image, write_image
from refsr.data.perturbation import parse_perturbation, perturb
from refsr.data.prepare.derive import PrepareSettings
from refsr.data.prepare.run import prepare
from refsr.data.stores.sets import pack_set
from refsr.ops.resize import imresize
from registered_places import KNOWN, SCALE, SIDE, bytes_of, ref_of, write_places

INPUTS = ("lr", "lr_up", "ref", "ref_down")
WEIGHTED = (*INPUTS, "ref_weight")
SETTINGS = PrepareSettings(SCALE, register="auto")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_places(tmp_path_factory.mktemp("places"))


@pytest.fixture(scope="module")
def prepared(root, tmp_path_factory):
    target = tmp_path_factory.mktemp("prepared") / "set"
    report = prepare(root, target, SETTINGS)
    assert report.notes[0].startswith("registered: 3 of 3 references; of these in the median shifted by")
    return target


def built(mode_inputs, **changes):
    given = {"mode": "reference", "lr_up": "from_lr", "ref_down": "from_ref"}
    made = build_dataset(DatasetOptions(**(given | changes)), SCALE, 5)
    made.serve(mode_inputs)
    return made


def on_the_fly(target, cache, inputs, **changes):
    roots = {"dataroot_GT": target / "HR", "dataroot_LQ": target / "LR", "dataroot_Ref": target / "Ref"}
    return built(inputs, **(roots | {"register": "auto", "register_cache": cache} | changes))


def from_files(target, inputs, suffix="", **changes):
    kinds = {"dataroot_GT": "HR", "dataroot_LQ": "LR", "dataroot_Ref": "Ref_reg", "dataroot_Ref_weight": "Ref_weight"}
    return built(inputs, **({key: target / f"{kind}{suffix}" for key, kind in kinds.items()} | changes))


def assert_equal(first, second, inputs) -> None:
    for name in (*inputs, "hr"):
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("inputs", [INPUTS, WEIGHTED])
def test_prepared_and_on_the_fly_are_equal_to_the_bit(prepared, tmp_path, inputs):
    fly, files = on_the_fly(prepared, tmp_path, inputs, GT_size=64), from_files(prepared, inputs, GT_size=64)
    for index in range(len(KNOWN)):
        assert_equal(fly[index], files[index], inputs)
        for draw in (3, 8):
            assert_equal(fly[index, draw], files[index, draw], inputs)


def test_packed_stores_too(prepared, tmp_path):
    pack_set(prepared, tmp_path)
    packed, files = from_files(tmp_path, WEIGHTED, ".lmdb", GT_size=64), from_files(prepared, WEIGHTED, GT_size=64)
    for item in (0, (1, 4), (2, 7)):
        assert_equal(packed[item], files[item], WEIGHTED)


def test_lr_from_hr_registers_as_prepared_lr_does(prepared, tmp_path):
    """The LR that a data set makes is the one that refsr prepare writes, where Ref is registered to it."""
    made = on_the_fly(prepared, tmp_path, WEIGHTED, dataroot_LQ=None, lr="from_hr")
    files = from_files(prepared, WEIGHTED)
    for index in range(len(KNOWN)):
        for name in ("ref", "ref_weight"):
            assert torch.equal(made[index][name], files[index][name])


def test_what_is_written_beside_the_other_kinds(root, prepared, tmp_path):
    assert {folder.name for folder in prepared.iterdir() if folder.is_dir()} == {
        "HR", "LR", "LR_UX4", "Ref", "Ref_DUX4", "Ref_reg", "Ref_reg_DUX4", "Ref_weight",
    }  # fmt: skip
    plain = tmp_path / "plain"
    prepare(root, plain, PrepareSettings(SCALE))
    for kind in ("HR", "LR", "LR_UX4", "Ref", "Ref_DUX4"):
        for key, file in images_in(plain / kind).items():
            assert file.read_bytes() == (prepared / kind / f"{key}.png").read_bytes()
    for key, file in images_in(prepared / "Ref_reg").items():
        ref = read_image(file).astype(np.float64) / 255
        small = np.clip(imresize(imresize(ref, f"1/{SCALE}"), SCALE), 0, 1)
        down = read_image(prepared / "Ref_reg_DUX4" / f"{key}.png").astype(np.float64) / 255
        assert np.abs(down - small).max() <= 0.51 / 255
        weight = read_image(prepared / "Ref_weight" / f"{key}.png")
        assert (weight.shape, weight.dtype) == ((SIDE, SIDE, 1), np.uint8)
        assert weight.max() == 255
    entries = json.loads((prepared / "prepare.json").read_text())["images"]
    for key, (turn, scale, *_) in zip(("0", "1", "2"), KNOWN, strict=True):
        (record,) = entries[key]["registration"]["references"]
        assert record["accepted"]
        assert abs(record["turn"]) == pytest.approx(abs(turn), abs=0.2)
        assert record["scale"] == pytest.approx(scale, abs=0.01)


def test_a_rerun_does_what_is_missing_and_another_version_all(root, prepared, monkeypatch):
    assert prepare(root, prepared, SETTINGS).made == 0
    weight = prepared / "Ref_weight" / "1.png"
    content = weight.read_bytes()
    weight.unlink()
    assert prepare(root, prepared, SETTINGS).made == 1
    assert weight.read_bytes() == content
    for module in ("run", "derive"):
        monkeypatch.setattr(f"refsr.data.prepare.{module}.registration_version", lambda: "another")
    assert prepare(root, prepared, SETTINGS).made == len(KNOWN)
    monkeypatch.undo()
    assert prepare(root, prepared, SETTINGS).made == len(KNOWN)
    with pytest.raises(DataError, match="register"):
        prepare(root, prepared, PrepareSettings(SCALE, register="global"))


def test_with_lr_of_its_own_only_references_are_made(root, prepared, tmp_path):
    """LR of the source is means of squares, not the bicubic that would else be made."""
    only = tmp_path / "only"
    prepare(root, only, SETTINGS, lr_folder="LR")
    assert {folder.name for folder in only.iterdir() if folder.is_dir()} == {"Ref_reg", "Ref_reg_DUX4", "Ref_weight"}
    fly = on_the_fly(root, tmp_path / "cache", WEIGHTED)
    roots = {"dataroot_GT": root / "HR", "dataroot_LQ": root / "LR"}
    files = from_files(only, WEIGHTED, **roots)
    for index in range(len(KNOWN)):
        assert_equal(fly[index], files[index], WEIGHTED)


def test_several_references_become_one(root, tmp_path, capsys):
    source = tmp_path / "source"
    for place in range(2):
        for kind in ("HR", "LR"):
            write_image(source / kind / f"{place}.png", read_image(root / kind / f"{place}.png"))
        for kind, third in (("old", slice(None, SIDE // 3)), ("new", slice(-SIDE // 3, None))):
            image = bytes_of(ref_of(place))
            image[:, third] = 240
            write_image(source / kind / f"{place}.png", image)
    target = tmp_path / "set"
    words = [
        "prepare",
        str(source),
        str(target),
        "--scale",
        "4",
        "--ref",
        "old",
        "--ref",
        "new",
        "--register",
        "global",
    ]
    assert main([*words, "--workers", "0"]) == 0
    assert "registered: 4 of 4 references of 2 images" in capsys.readouterr().out
    used = read_image(target / "Ref_used" / "0.png")[:, :, 0]
    assert (used[30:-30, -50:-20] == 1).mean() > 0.8
    assert (used[30:-30, 20:50] == 2).mean() > 0.8
    fly = on_the_fly(
        target, tmp_path / "cache", WEIGHTED, register="global", dataroot_Ref=[source / "old", source / "new"]
    )
    files = from_files(target, WEIGHTED)
    for index in range(2):
        assert_equal(fly[index], files[index], WEIGHTED)


def test_of_prepared_references_the_swapped_one_brings_its_own_weight(prepared):
    made = from_files(prepared, WEIGHTED)
    swapped, other = perturb(made, 0, parse_perturbation("swap"), 0), made[1]
    for name in ("ref", "ref_down", "ref_weight"):
        assert torch.equal(swapped[name], other[name])


def test_what_cannot_be_registered_is_one_line(root, tmp_path):
    for settings, folders, kind, line in (
        (PrepareSettings(4), {"lr_folder": "LR"}, UsageError, "only a registration needs LR"),
        (PrepareSettings(4), {"ref_folders": ["Ref", "LR"]}, UsageError, "only a registration"),
        (PrepareSettings(4, range=(0, 9)), {}, UsageError, "a range is for a registration"),
        (PrepareSettings(4, register="locale"), {}, UsageError, "did you mean 'local'"),
        (SETTINGS, {"lr_folder": "LX"}, DataError, "LX: no such folder"),
        (SETTINGS, {"lr_folder": "HR"}, DataError, "needs 48x48"),
    ):
        with pytest.raises(kind, match=line):
            prepare(root, tmp_path / "x", settings, **folders)
    deep = tmp_path / "deep"
    for kind in ("HR", "Ref"):
        write_image(deep / kind / "a.png", np.random.default_rng(0).integers(0, 4095, (64, 64, 3)).astype(np.uint16))
    with pytest.raises(DataError, match="--range 0 65535"):
        prepare(deep, tmp_path / "y", SETTINGS)
    assert prepare(deep, tmp_path / "y", PrepareSettings(4, register="auto", range=(0, 4095))).made == 1
    for file in (deep / "Ref").iterdir():
        file.unlink()
    (deep / "Ref").rmdir()
    with pytest.raises(DataError, match="has no references to register"):
        prepare(deep, tmp_path / "z", PrepareSettings(4, register="auto", range=(0, 4095)))
