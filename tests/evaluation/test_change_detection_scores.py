"""`refsr val --task`: change found in restored images since their reference, and land cover that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from refsr.cli.main import main
from refsr.data.images import write_image
from refsr.ops.resize import imresize

RATES = ("change-f1", "change-auc", "change-recall")


@pytest.fixture
def file(tmp_path) -> Path:
    """Two places; in each, a square changed since the reference."""
    draw = np.random.default_rng(0)
    for number in range(2):
        hr = np.clip(imresize(draw.random((24, 24, 3)), 4), 0, 1)
        ref, mask = hr.copy(), np.zeros((96, 96, 1), np.uint8)
        mask[24:56, 40:72] = 1
        ref[24:56, 40:72] = np.clip(imresize(draw.random((8, 8, 3)), 4), 0, 1)
        for kind, image in {"HR": hr, "Ref": ref}.items():
            write_image(tmp_path / kind / f"{number}.png", np.rint(image * 255).astype(np.uint8))
        write_image(tmp_path / "mask" / f"{number}.png", mask)
    roots = {"GT": "HR", "Ref": "Ref", "mask": "mask"}
    folders = {f"dataroot_{key}": str(tmp_path / kind) for key, kind in roots.items()}
    content = {
        "name": "changes", "model": "RRSNet_model", "scale": 4, "path": {"root": str(tmp_path / "exp")},
        "datasets": {"val": {"mode": "change", "lr": "from_hr", **folders}}, "network_G": {"which_model_G": "RRSNet"},
    }  # fmt: skip
    place = tmp_path / "changes.yml"
    place.write_text(yaml.safe_dump(content))
    return place


def val(file: Path, *words: str) -> int:
    return main(["val", str(file), "--baselines", "--no-images", "-o", str(file.parent / "out"), *words])


def results(file: Path, *words: str) -> dict:
    assert val(file, *words) == 0
    return json.loads((file.parent / "out" / "val" / "results.json").read_text())


def test_change_is_found_beside_what_hr_and_lr_show(file, capsys):
    found = results(file, "--task", "change", "--protocol", "rgb-uint8-border4", "--protocol", "y-uint8-border4")
    whole = {(one["method"], one["protocol"], one["metric"]): one for one in found["table"]}
    for quoted in ("rgb-uint8-border4", "y-uint8-border4"):
        for method in ("nearest", "bicubic"):
            f1, area, recall = (whole[method, quoted, rate] for rate in RATES)
            assert 0.6 < f1["mean"] < 1
            assert 0.85 < area["mean"] < 1
            assert recall["mean"] > 0.5
            assert f1["count"] == 1, "one number for the set"
        assert ("hr", quoted, "change-f1") not in whole
        (own,) = [line for line in found["about"]["notes"] if "HR itself" in line and quoted in line]
        assert float(own.partition("AUC ")[2][:6]) > whole["bicubic", quoted, "change-auc"]["mean"]
        assert any("LR, and Ref reduced" in line and quoted in line for line in found["about"]["notes"])
    assert all(found["metrics"][rate]["better"] == "higher" for rate in RATES)
    assert "change-f1" in capsys.readouterr().out


def test_change_is_found_only_where_it_is_asked_for(file):
    assert not any(name.startswith("change") for name in results(file)["metrics"])


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--task", "chnage"], "--task chnage: the tasks are cover, change; did you mean 'change'?"),
        (
            ["--task", "change", "datasets.val.dataroot_mask=null", "datasets.val.mask=none"],
            "--task change: datasets.val gives no reference with true change masks",
        ),
        (["--task", "cover"], "--task cover: datasets.val has no dataroot_cover"),
    ],
)
def test_tasks_that_cannot_be_measured_are_named(words, answer, file, capsys):
    assert val(file, *words) == 2
    told = capsys.readouterr().err
    assert answer in told
    assert "Traceback" not in told
