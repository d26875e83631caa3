"""`refsr val --evidence` saves planes beside the network's images, and the report lays them over."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refsr.cli.main import main
from refsr.data.images import read_image


def test_planes_lie_beside_the_images_and_in_the_report(trained, option_file, places, tmp_path):
    run = trained().folder
    assert main(["val", str(option_file), "--evidence", "-o", str(run / "results")]) == 0
    content = json.loads((run / "results" / "val" / "results.json").read_text())
    pictures = next(iter(content["pictures"].values()))
    planes = {
        name: read_image(run / "results" / "val" / pictures[f"evidence-{name}"])
        for name in ("borrowed", "coverage", "change")
    }
    image = read_image(run / "results" / "val" / pictures["small"])
    assert image.shape[2] == 3
    assert all(plane.shape[:2] == image.shape[:2] for plane in planes.values())
    assert (planes["coverage"] == 255).all(), "a reference that is not registered counts everywhere"
    assert "evidence-uncertainty" not in pictures, "the run was not calibrated"
    assert any("reference strength 1" in note for note in content["about"]["notes"])
    scores = [one["value"] for one in content["scores"] if one["method"] == "small" and one["metric"] == "psnr"]
    plain = tmp_path / "plain"
    assert main(["val", str(option_file), "-o", str(plain)]) == 0
    kept = json.loads((plain / "val" / "results.json").read_text())
    own = [one["value"] for one in kept["scores"] if one["method"] == "small" and one["metric"] == "psnr"]
    np.testing.assert_allclose(scores, own, atol=0.02)
    assert main(["report", str(run), "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    layers = page.partition('class="layers"')[2].partition("</select>")[0]
    for label in ("Borrowed", "Coverage", "Change", "Made up by"):
        assert label in layers
    assert "Most made up: LR, Ref, result, HR" in page


@pytest.mark.parametrize("other", ["--baselines", "--no-images"])
def test_evidence_needs_images_of_a_network(other, option_file, capsys):
    assert main(["val", str(option_file), "--evidence", other]) == 2
    assert f"which {other} leaves out" in capsys.readouterr().err
