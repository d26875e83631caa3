"""The command measures a run under every condition once, and says what it found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from refsr.cli.main import main
from refsr.core.options.load import load_options
from refsr.evaluation import evaluate as evaluate_module
from refsr.evaluation import stress
from refsr.evaluation.results import Results
from refsr.metrics.invention import WITH_LR
from refsr.runs.model_file import model_file_at, read_model, write_model
from refsr.runs.process_group import ALONE
from refsr.training.trainer import train

SWEEPS = (
    stress.PerturbationSweep("shift", "Shift", "pixels", (2, 8)),
    stress.PerturbationSweep("clouds", "Clouds", "percent", (50,)),
)


@pytest.fixture
def runs(tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A network with a reference and one without."""
    monkeypatch.setattr(stress, "SWEEPS", SWEEPS)
    pair = {"mode": "reference", "dataroot_Ref": str(places / "Ref"), "lr_up": "from_lr", "ref_down": "from_ref"}
    networks = {
        "RRSNet": (pair, {"nf": 4, "n_blocks": 1, "deformable_groups": 1}),
        "SRResNet": ({"mode": "single"}, {"nf": 4, "n_blocks": 1}),
    }
    folders = []
    for name, (data, keywords) in networks.items():
        data = {**data, "dataroot_GT": str(places / "HR"), "lr": "from_hr"}
        content = {
            "name": name,
            "model": "RRSNet_model" if name == "RRSNet" else "SISR_model",
            "scale": 4,
            "seed": 3,
            "gpu_ids": [],
            "datasets": {"train": {**data, "n_workers": 0, "batch_size": 2, "GT_size": 16}, "test": data},
            "network_G": {"which_model_G": name, **keywords},
            "path": {"root": str(tmp_path)},
            "train": {"niter": 1, "lr_G": 1e-3, "val_freq": 0},
        }
        file = tmp_path / f"{name}.yml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        folders.append(str(train(load_options(file), ALONE).folder))
    return folders


def test_what_was_measured_is_kept(runs, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert main(["stress", *runs, "--images", "2", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    kept = json.loads((out / "stress.json").read_text())
    assert set(kept["systems"]) == {"RRSNet", "SRResNet"}
    assert set(kept["systems"]["RRSNet"]) == {"unperturbed", "swap", "blank", "shift:2", "shift:8", "clouds:50"}
    assert set(kept["systems"]["SRResNet"]) == {"unperturbed"}
    assert f"{kept['systems']['RRSNet']['swap']:.2f}" in printed
    made_up = kept["invention"]["RRSNet"]
    assert set(made_up) == {"consistency", "improvement", "omission", "hallucination"}
    for end in ("unperturbed", "swap", "blank"):
        assert sum(made_up[kind][end] for kind in ("improvement", "omission", "hallucination")) == pytest.approx(
            1, abs=2e-3
        )
    assert set(kept["invention"]["SRResNet"]["hallucination"]) == {"unperturbed"}
    measured = Results.read(Path(runs[0]) / "stress" / "test")
    (mean,) = [one.mean for one in measured.table() if (one.method, one.metric) == ("RRSNet ref=shift:8", "psnr")]
    assert kept["systems"]["RRSNet"]["shift:8"] == pytest.approx(mean, abs=1e-4)

    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(evaluate_module, "evaluate", refuse)
    monkeypatch.setenv("REFSR_TRACEBACK", "1")
    assert main(["stress", *runs, "--images", "2", "-o", str(out)]) == 0
    with pytest.raises(AssertionError, match="measured again"):
        main(["stress", *runs, "--images", "3", "-o", str(out)])


def test_mistakes_are_named(runs, tmp_path, capsys):
    assert main(["stress", str(tmp_path / "none")]) == 1
    assert "is no run folder" in capsys.readouterr().err
    assert main(["stress", str(tmp_path / "none"), "--metric", "psnrr"]) == 2
    assert "did you mean 'psnr'?" in capsys.readouterr().err
    assert main(["stress", runs[0], "--dataset", "tset"]) == 2
    assert "did you mean 'test'?" in capsys.readouterr().err
    assert main(["stress", runs[0], "--images", "0"]) == 2
    assert "expected 1 or more" in capsys.readouterr().err


def test_runs_of_two_scales_cannot_share_a_page(tmp_path, places, capsys):
    folders = []
    for scale in (4, 2):
        content = {
            "name": f"x{scale}", "model": "SISR_model", "scale": scale, "gpu_ids": [],
            "datasets": {"test": {"mode": "single", "dataroot_GT": str(places / "HR"), "lr": "from_hr"}},
            "network_G": {"which_model_G": "SRResNet"}, "path": {"root": str(tmp_path)},
        }  # fmt: skip
        folders.append(tmp_path / f"x{scale}")
        folders[-1].mkdir()
        (folders[-1] / "options.yml").write_text(yaml.safe_dump(content))
    assert main(["stress", *map(str, folders), "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "refsr: runs of different scales cannot share a page: 2, 4\n"


def test_results_of_other_weights_or_another_number_of_images_are_not_reused(runs, tmp_path, monkeypatch):
    run = runs[1]
    words = ["stress", run, "-o", str(tmp_path / "out")]
    assert main([*words, "--images", "2"]) == 0

    def refuse(*_: object) -> None:
        raise AssertionError("evaluated again")

    monkeypatch.setattr(evaluate_module, "evaluate", refuse)
    monkeypatch.setenv("REFSR_TRACEBACK", "1")
    assert main([*words, "--images", "2"]) == 0
    for images in ("1", "3"):
        with pytest.raises(AssertionError, match="evaluated again"):
            main([*words, "--images", images])
    file = model_file_at(run)
    before = file.read_bytes()
    network, card = read_model(file)
    write_model(file, {name: 0.5 * weights for name, weights in network.state_dict().items()}, card)
    with pytest.raises(AssertionError, match="evaluated again"):
        main([*words, "--images", "2"])
    file.write_bytes(before)
    assert main([*words, "--images", "2"]) == 0


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ([], False),
        (["--consistent", "hard"], True),
        (["val.tile=16", "val.tile_overlap=4"], True),
        (["datasets.test.degradation=blur"], True),
        (["--protocol", "y-uint8-border4", "--protocol", "rgb-uint8-border4"], True),
    ],
    ids=["alike", "held to LR", "other tiles", "another LR", "another protocol first"],
)
def test_results_that_were_measured_otherwise_are_not_reused(runs, tmp_path, monkeypatch, words, again):
    """`refsr val` of the same weights puts its results where stress and bench look for theirs."""
    run = Path(runs[1])
    monkeypatch.setattr(stress, "all_perturbations", list)
    measured = [word for name in WITH_LR for word in ("--metric", name)]
    val = ["val", str(run / "options.yml"), "-o", str(run / "stress"), "--no-images", "val.max_images=2"]
    assert main([*val, *measured, *words]) == 0

    def refuse(*_: object) -> None:
        raise AssertionError("evaluated again")

    monkeypatch.setattr(evaluate_module, "evaluate", refuse)
    monkeypatch.setenv("REFSR_TRACEBACK", "1")
    asked = ["stress", str(run), "--images", "2", "-o", str(tmp_path / "out")]
    if again:
        with pytest.raises(AssertionError, match="evaluated again"):
            main(asked)
    else:
        assert main(asked) == 0
