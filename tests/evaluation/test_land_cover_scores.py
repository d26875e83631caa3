"""A set with true land cover is scored for what its images still show of it, beside what the targets show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from refsr.cli.main import main
from refsr.data.images import write_image

COLOURS = np.array([(0, 0, 0), (40, 70, 160), (120, 120, 120), (90, 150, 60)], np.uint8)


@pytest.fixture
def file(tmp_path) -> Path:
    """Flat fields on a grid of 16 pixels, so that nearest enlargement at x4 is the target itself."""
    draw = np.random.default_rng(1)
    for split in ("train", "val"):
        for number in range(2):
            cover = np.kron(draw.integers(1, 4, (4, 4)), np.ones((16, 16))).astype(np.uint8)
            write_image(tmp_path / split / "HR" / f"{number}.png", COLOURS[cover])
            write_image(tmp_path / split / "LR" / f"{number}.png", COLOURS[cover[::4, ::4]])
            write_image(tmp_path / split / "cover" / f"{number}.png", cover[:, :, None])
    sets = {
        split: {
            "mode": "single",
            **{f"dataroot_{key}": str(tmp_path / split / kind) for key, kind in ROOTS},
        }
        for split in ("train", "val")
    }
    content = {
        "name": "covers", "model": "SISR_model", "scale": 4, "path": {"root": str(tmp_path / "exp")},
        "datasets": sets, "network_G": {"which_model_G": "EDSR"},
        "train": {"niter": 1},
    }  # fmt: skip
    place = tmp_path / "covers.yml"
    place.write_text(yaml.safe_dump(content))
    return place


ROOTS = (("GT", "HR"), ("LQ", "LR"), ("cover", "cover"))


def results(file: Path, *words: str) -> dict:
    assert main(["val", str(file), "--baselines", "--no-images", "-o", str(file.parent / "out"), *words]) == 0
    return json.loads((file.parent / "out" / "val" / "results.json").read_text())


def test_covers_are_scored_beside_the_target_s_own(file, capsys):
    found = results(file, "--protocol", "rgb-uint8-border4", "--protocol", "y-uint8-border4")
    whole = {(one["method"], one["protocol"], one["metric"]): one for one in found["table"]}
    for quoted in ("rgb-uint8-border4", "y-uint8-border4"):
        nearest, bicubic = (whole[method, quoted, "cover-accuracy"]["mean"] for method in ("nearest", "bicubic"))
        assert 0.9 < nearest <= 1
        assert bicubic < nearest
        (note,) = [line for line in found["about"]["notes"] if quoted in line]
        miou = whole["nearest", quoted, "cover-miou"]["mean"]
        assert f"accuracy {nearest:.4f}, mean IoU {miou:.4f}" in note, "nearest is the target here"
        assert whole["nearest", quoted, "cover-miou"]["count"] == 1
        assert whole["nearest", quoted, "cover-accuracy"]["count"] == 2
        assert ("hr", quoted, "cover-miou") not in whole
    told = capsys.readouterr().out
    assert "cover-kappa" in told
    assert "fitted to 2 images of single" in told


def test_without_maps_nothing_is_said_of_covers(file):
    found = results(file, "datasets.val.dataroot_cover=null")
    assert not any("cover" in name for name in found["metrics"])
    assert found["about"]["notes"] == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            ["datasets.train.dataroot_cover=null"],
            "the classifier needs dataroot_GT and dataroot_cover of datasets.train",
        ),
        (["datasets.val.dataroot_cover={root}/val/HR"], "is no map of one band"),
        (["datasets.val.dataroot_cover={root}/val/LR"], "16x16x3 is no map of one band for an image of 64x64"),
        (["datasets.val.dataroot_cover={root}/few"], "has no land cover of 0"),
    ],
)
def test_maps_that_do_not_fit_are_told_in_a_line(words, answer, file, capsys):
    write_image(file.parent / "few" / "7.png", np.ones((64, 64, 1), np.uint8))
    words = [word.format(root=file.parent) for word in words]
    assert main(["val", str(file), "--baselines", "--no-images", "-o", str(file.parent / "out"), *words]) in (1, 2)
    told = capsys.readouterr().err
    assert answer in told
    assert "Traceback" not in told
