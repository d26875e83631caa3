"""The command: what it prints and keeps of a set in class folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from refsr.cli.main import main
from refsr.data.images import read_image, write_image

OPTIONS = """
name: classes
model: RRSNet_model
scale: 4
gpu_ids: []
datasets:
  test: {{name: scenes, mode: single, dataroot_GT: {places}, lr: from_hr}}
network_G: {{which_model_G: RRSNet}}
path: {{root: {root}}}
"""


def test_classes_are_averaged_where_there_are_some(places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    flat = sorted((places / "HR").iterdir())
    for place, file in enumerate(flat[:3]):
        write_image(tmp_path / "HR" / ("harbour" if place < 2 else "bare_land") / file.name, read_image(file))
    file = tmp_path / "options.yml"
    file.write_text(OPTIONS.format(places=tmp_path / "HR", root=tmp_path / "exp"))
    assert main(["val", str(file), "--baselines", "--no-images"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    start = next(place for place, line in enumerate(lines) if "class" in line)
    heads = ["nearest", "psnr", "nearest", "ssim", "bicubic", "psnr", "bicubic", "ssim", "images"]
    assert lines[start + 1] == heads
    folder = tmp_path / "exp" / "experiments" / "classes" / "results" / "test"
    scores = list(csv.DictReader((folder / "scores.csv").open()))
    for line, (name, count) in zip(lines[start + 2 : start + 4], (("bare_land", 1), ("harbour", 2)), strict=True):
        assert (line[0], line[-1]) == (name, str(count))
        for place, method in enumerate(("nearest", "bicubic")):
            values = [float(row["psnr"]) for row in scores if row["method"] == method and row["image"].startswith(name)]
            assert line[1 + 2 * place] == f"{sum(values) / count:.2f}"
    assert (folder / "classes.csv").exists()
    assert main(["val", str(file), "--baselines", "--no-images", f"datasets.test.dataroot_GT={places / 'HR'}"]) == 0
    assert "mean of each class" not in capsys.readouterr().out


def test_a_mean_over_fewer_images_says_so(places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """ERGAS of a black image is not defined; the mean of the others stood in a row that counted all."""
    for file in sorted((places / "HR").iterdir())[:3]:
        write_image(tmp_path / "HR" / file.name, read_image(file))
    write_image(tmp_path / "HR" / "black.png", 0 * read_image(file))
    options = tmp_path / "options.yml"
    options.write_text(OPTIONS.format(places=tmp_path / "HR", root=tmp_path / "exp"))
    assert main(["val", str(options), "--baselines", "--no-images", "--metric", "ergas"]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("bicubic"))
    assert row.split()[-1] == "4"
    assert row.count("(3 images)") == 1


def test_images_are_saved_unless_the_command_or_the_options_say_no(places: Path, tmp_path: Path):
    file = tmp_path / "options.yml"
    file.write_text(OPTIONS.format(places=places / "HR", root=tmp_path / "exp"))
    for name, words, saved in (
        ("plain", [], True),
        ("flag", ["--no-images"], False),
        ("options", ["val.save_images=false"], False),
    ):
        folder = tmp_path / name
        assert main(["val", str(file), "--baselines", "val.max_images=1", "-o", str(folder), *words]) == 0
        assert bool(list(folder.rglob("*.png"))) == saved
        assert bool(json.loads((folder / "test" / "results.json").read_text())["pictures"]) == saved
