"""A set with change masks is scored in changed and unchanged areas; results say where masks come from."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from refsr.cli.main import main
from refsr.data.images import write_image
from refsr.evaluation.changed_areas import ChangedAreas
from refsr.ops.resize import imresize


@pytest.fixture
def file(tmp_path) -> Path:
    draw = np.random.default_rng(0)
    for number in range(2):
        hr = np.clip(imresize(draw.random((12, 12, 3)), 8), 0, 1)
        ref, mask = hr.copy(), np.zeros((96, 96), np.uint8)
        if number == 0:
            mask[24:72, 16:64] = 3
            ref[mask > 0] = np.clip(imresize(draw.random((12, 12, 3)), 8), 0, 1)[mask > 0]
        for kind, image in {"HR": hr, "Ref": ref, "mask": mask[:, :, None] / 255}.items():
            write_image(tmp_path / kind / f"{number}.png", np.rint(image * 255).astype(np.uint8))
    folders = {
        f"dataroot_{key}": str(tmp_path / kind) for key, kind in (("GT", "HR"), ("Ref", "Ref"), ("mask", "mask"))
    }
    content = {
        "name": "areas", "model": "RRSNet_model", "scale": 4, "path": {"root": str(tmp_path / "exp")},
        "datasets": {"val": {"mode": "change", "lr": "from_hr", **folders}}, "network_G": {"which_model_G": "RRSNet"},
    }  # fmt: skip
    place = tmp_path / "areas.yml"
    place.write_text(yaml.safe_dump(content))
    return place


def results(file: Path, *words: str) -> dict:
    assert main(["val", str(file), "--baselines", "--no-images", "-o", str(file.parent / "out"), *words]) == 0
    return json.loads((file.parent / "out" / "val" / "results.json").read_text())


def test_areas_stand_beside_the_whole(file, capsys):
    found = results(file)
    scores = {(one["image"], one["metric"]): one["value"] for one in found["scores"] if one["method"] == "bicubic"}
    assert "psnr-changed" in capsys.readouterr().out
    assert ("1", "psnr-changed") not in scores, "nothing changed there"
    assert scores["1", "psnr-unchanged"] == pytest.approx(scores["1", "psnr"])
    # What bicubic makes knows nothing of the reference.
    assert abs(scores["0", "leak-changed"]) < 0.1
    assert found["metrics"]["leak-changed"]["better"] == "lower"
    assert found["about"]["provenance"]["mask"] == "file"
    assert found["about"]["notes"] == []


def test_estimated_masks_are_said_and_held_against_files(file, capsys):
    found = results(file, "datasets.val.mask=estimate", "datasets.val.mask_encoding=changed")
    told = capsys.readouterr().out
    assert found["about"]["provenance"]["mask"] == "estimate"
    assert "note: change masks are estimated from LR and Ref" in told
    assert "note: here, against masks in files: precision" in told


def test_without_masks_nothing_is_scored_apart(file):
    words = ["datasets.val.dataroot_mask=null", "datasets.val.mask=none"]
    found = results(file, *words)
    assert list(found["metrics"]) == ["psnr", "ssim"]
    assert found["about"]["provenance"]["mask"] == "none"
    assert found["about"]["notes"] == ["change masks say that nothing changed"]


def test_an_estimate_has_no_classes(file, capsys):
    assert main(["val", str(file), "--baselines", "datasets.val.mask=estimate"]) != 0
    told = capsys.readouterr().err
    assert "mask_encoding: changed" in told
    assert "Traceback" not in told


def test_the_agreement_of_masks_is_counted_over_all_pixels():
    """12 pixels changed, 4 of them found, 1 found beside them: precision 4/5, recall 4/12, F1 8/17."""
    changed, found = np.zeros((2, 16, 16), bool), torch.zeros(2, 1, 16, 16)
    changed[0, :2, :4] = changed[1, :2, :2] = True
    found[0, 0, 0, :4] = found[1, 0, 9, 9] = 1
    dataset = SimpleNamespace(
        scale=4,
        knows_changes=True,
        changed=lambda index: changed[index],
        mask=SimpleNamespace(source="estimate"),
        notes=[],
    )
    areas = ChangedAreas(dataset)
    for index in range(2):
        areas.of_sample({"mask": found[index], "hr": torch.zeros(3, 16, 16), "lr": torch.zeros(3, 4, 4)}, index)
    assert areas.agreement.tolist() == [4, 1, 8]
    assert areas.notes() == ["here, against masks in files: precision 0.80, recall 0.33, F1 0.47"]
