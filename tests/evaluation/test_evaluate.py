"""refsr val: the right numbers, under any number of processes, beside the same baselines, with honest gaps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from refsr.cli.main import main
from refsr.data.images import read_image
from refsr.evaluation.results import Results
from refsr.evaluation.weights import weights_file
from refsr.metrics.protocols import measure


@pytest.fixture
def run(trained, option_file) -> Path:
    """A run of two steps; its network has learnt nothing to speak of."""
    folder: Path = trained("train.niter=2").folder
    return folder


def results(run: Path) -> Results:
    return Results.read(run / "results" / "val")


def test_numbers_are_those_of_the_kept_images(run, option_file, capsys):
    assert main(["val", str(option_file), "val.max_images=3"]) == 0
    found = results(run)
    assert found.methods == ["nearest", "bicubic", "small"]
    assert list(found.pictures) == ["0", "1", "2"]
    for image, places in found.pictures.items():
        hr = read_image(run / "results" / "val" / places["hr"]) / 255
        for method in ("bicubic", "small"):
            kept = read_image(run / "results" / "val" / places[method]) / 255
            expected = measure(kept, hr, 4)
            for name, value in expected.items():
                assert found.values(method, "rgb-uint8-border4", name)[image] == pytest.approx(value, abs=1e-9)
    assert found.about["weights"]["step"] == 2
    assert found.about["weights"]["averaged"] is True
    assert found.about["provenance"]["lr_up"] == "from_lr"
    told = capsys.readouterr().out
    assert "rgb-uint8-border4: all bands, rounded to 8 bits" in told
    assert "±" in told


def test_spoilt_references_protocols_and_measures_stand_in_the_table(run, option_file, capsys):
    words = ["--ref", "swap", "--ref", "blank", "--protocol", "rgb-uint8-border4", "--protocol", "y-uint8-border4"]
    assert (
        main(
            [
                "val",
                str(option_file),
                *words,
                "--metric",
                "ergas",
                "--metric",
                "fid",
                "--metric",
                "sam",
                "--metric-weights",
                str(run),
                "--no-images",
                "val.max_images=2",
            ]
        )
        == 0
    )
    found = results(run)
    assert found.methods == ["nearest", "bicubic", "small", "small ref=swap", "small ref=blank"]
    assert list(found.protocols) == ["rgb-uint8-border4", "y-uint8-border4"]
    assert found.pictures == {}
    swap, whole = (found.values(name, "rgb-uint8-border4", "psnr") for name in ("small ref=swap", "small"))
    assert swap.keys() == whole.keys()
    assert swap != whole
    missing = "\n".join(found.about["not_measured"])
    assert "fid: " in missing
    told = capsys.readouterr().out
    assert "not measured: fid: " in told
    if "sam" in found.metrics:
        # One band has no spectrum: a gap that is told, not an end.
        assert "sam under y-uint8-border4" in missing
        assert found.values("small", "rgb-uint8-border4", "sam")
        assert not found.values("small", "y-uint8-border4", "sam")


def test_processes_share_the_images_and_agree(run, option_file, tmp_path):
    words = ["val", str(option_file), "--ref", "swap", "--no-images", "val.max_images=5"]
    assert main([*words, "-o", str(tmp_path / "one")]) == 0
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "refsr"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *launcher, *words, "-o", str(tmp_path / "two")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("results: ") == 1
    one, two = (Results.read(tmp_path / name / "val") for name in ("one", "two"))
    assert one.scores == two.scores


def test_weights_are_found_or_asked_for(run, option_file, capsys):
    assert main(["val", str(option_file), "name=other", "--weights", str(run), "--no-images"]) == 0
    assert main(["val", str(option_file), "name=other"]) == 1
    assert "has no checkpoint; train first" in capsys.readouterr().err
    assert main(["val", str(option_file), "name=other", "--baselines"]) == 0
    assert main(["val", str(option_file), "--baselines", "--ref", "swap"]) == 2
    assert main(["val", str(option_file), "--dataset", "vall"]) == 2
    assert "did you mean 'val'" in capsys.readouterr().err
    assert main(["val", str(option_file), "--protocol", "rgb-uint8-border"]) == 2
    assert main(["val", str(option_file), "--ref", "shift"]) == 2
    capsys.readouterr()
    assert main(["val", str(option_file), "name=other", "--metric", "psnrr"]) == 2
    assert "metric 'psnrr' is not known; did you mean 'psnr'?" in capsys.readouterr().err


def test_named_weights_come_first_only_in_options_without_training(run, options, option_file, tmp_path):
    named = tmp_path / "named.safetensors"
    shutil.copy(run / "checkpoints" / "2" / "G.safetensors", named)
    trains = options(f"path.pretrain_model_G={named}")
    content = yaml.safe_load(option_file.read_text())
    del content["train"], content["datasets"]["train"]
    option_file.write_text(yaml.safe_dump(content))
    measures = options(f"path.pretrain_model_G={named}")
    assert measures.train is None
    assert weights_file(trains) == run / "checkpoints" / "2" / "G_ema.safetensors"
    assert weights_file(measures) == named
    assert weights_file(options()) == run / "checkpoints" / "2" / "G_ema.safetensors"
    assert weights_file(options("name=other", f"path.pretrain_model_G={named}")) == named


def test_results_held_to_lr_are_nearer_to_it(run, option_file, capsys):
    words = ["val", str(option_file), "--no-images", "--metric", "consistency", "--metric", "hallucination"]
    found = {}
    for kind in ("off", "hard"):
        assert main([*words, "--consistent", kind]) == 0
        found[kind] = results(run)
    name = "rgb-uint8-border4"
    off, hard = (list(one.values("small", name, "consistency").values()) for one in found.values())
    assert max(hard) < 0.5 < min(off)
    bicubic = [list(one.values("bicubic", name, "consistency").values()) for one in found.values()]
    assert bicubic[0] == bicubic[1]
    assert all(0 <= share <= 1 for share in found["off"].values("small", name, "hallucination").values())
    notes = [one.about["notes"] for one in found.values()]
    assert not any("held to LR" in note for note in notes[0])
    assert any(note.startswith("results are held to LR (hard, bicubic)") for note in notes[1])
    assert main([*words, "--ref-strength", "2"]) == 2
    assert "--ref-strength 2: expected a number from 0 to 1" in capsys.readouterr().err


def test_tiles_change_nothing(run, option_file):
    kept = []
    for words in ([], ["val.tile=4"]):
        assert main(["val", str(option_file), "val.max_images=1", *words]) == 0
        kept.append(read_image(run / "results" / "val" / "images" / "0" / "small.png").astype(int))
    assert np.abs(kept[0] - kept[1]).max() <= 1


@pytest.mark.parametrize(("name", "bicubic", "lr_up"), [("rrssrd/val_1st", (29.47, 0.7899), (30.07, 0.8080))])
def test_published_images_score_what_they_are_known_to(shared, tmp_path, name, bicubic, lr_up):
    """PSNR and SSIM of RRSSRD's first test set, measured independently of this project."""
    folder = shared / "data" / name
    data = {
        key: str(folder / kind)
        for key, kind in (
            ("dataroot_GT", "HR"),
            ("dataroot_LQ", "LR"),
            ("dataroot_LQ_UX4", "LR_UX4"),
            ("dataroot_Ref", "google_Ref"),
            ("dataroot_Ref_DUX4", "google_Ref_DUX4"),
        )
    }
    content = {
        "name": "real",
        "model": "RRSNet_model",
        "scale": 4,
        "gpu_ids": [],
        "datasets": {"test": {"mode": "reference", **data}},
        "network_G": {"which_model_G": "RRSNet"},
    }
    (tmp_path / "real.yml").write_text(yaml.safe_dump(content))
    assert main(["val", str(tmp_path / "real.yml"), "--baselines", "--no-images", "-o", str(tmp_path / "out")]) == 0
    found = {(one.method, one.metric): one.mean for one in Results.read(tmp_path / "out" / "test").table()}
    for method, (psnr, ssim) in (("bicubic", bicubic), ("lr_up", lr_up)):
        assert found[method, "psnr"] == pytest.approx(psnr, abs=0.011)
        assert found[method, "ssim"] == pytest.approx(ssim, abs=0.0006)
