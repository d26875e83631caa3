"""The command trains and measures what is missing, once, and puts comparable systems alone in one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from refsr.cli.main import main
from refsr.core.errors import UsageError
from refsr.core.options.bench import load_bench
from refsr.core.registry import NAMES
from refsr.evaluation import baselines
from refsr.evaluation import evaluate as evaluate_module
from refsr.evaluation.results import Results
from refsr.metrics import building
from refsr.runs.process_group import ALONE
from refsr.training import bench as benching
from refsr.training.bench import plan_systems

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def file(tmp_path: Path, places: Path) -> Path:
    """A bench of a network with a reference, one that starts from it, and one without a reference."""
    pair = {"mode": "reference", "dataroot_Ref": str(places / "Ref"), "lr_up": "from_lr", "ref_down": "from_ref"}
    networks = {
        "pair": ("RRSNet_model", pair, {"which_model_G": "RRSNet", "nf": 4, "n_blocks": 1, "deformable_groups": 1}),
        "single": ("SISR_model", {"mode": "single"}, {"which_model_G": "SRResNet", "nf": 4, "n_blocks": 1}),
    }
    for name, (model, more, network) in networks.items():
        data = {**more, "dataroot_GT": str(places / "HR"), "lr": "from_hr"}
        content = {
            "name": name,
            "model": model,
            "scale": 4,
            "seed": 3,
            "gpu_ids": [],
            "datasets": {"train": {**data, "n_workers": 0, "batch_size": 2, "GT_size": 16}, "test": data},
            "network_G": network,
            "train": {"niter": 9, "lr_G": 1e-3, "val_freq": 0},
        }
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    content = {
        "name": "tiny",
        "iterations": 2,
        "systems": {
            "SRResNet": {"options": "single.yml"},
            "RRSNet": {"options": "pair.yml"},
            "RRSNet again": {"options": "pair.yml", "start": "RRSNet", "overrides": ["train.niter=1"]},
        },
    }
    made = tmp_path / "tiny.yml"
    made.write_text(yaml.safe_dump(content, sort_keys=False))
    return made


def test_a_bench_goes_from_files_to_a_table_once(file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    monkeypatch.setattr(
        baselines, "pretrained_baselines", lambda scale: {"dat-light": lambda sample, scale: enlarged(sample)}
    )
    assert main(["bench", str(file), "-o", str(out)]) == 0
    capsys.readouterr()
    kept = json.loads((out / "bench.json").read_text())
    assert list(kept["systems"]) == ["bicubic", "dat-light", "SRResNet", "RRSNet", "RRSNet again"]
    assert [kept["systems"][name]["iterations"] for name in ("SRResNet", "RRSNet", "RRSNet again")] == [2, 2, 1]
    assert set(kept["systems"]["RRSNet"]["perturbed"]) == {"swap", "blank"}
    assert kept["systems"]["SRResNet"]["perturbed"] == {}
    results = Results.read(out / "experiments" / "RRSNet" / "results" / "test")
    means = {(one.method, one.metric): one.mean for one in results.table()}
    assert kept["systems"]["RRSNet"]["scores"]["psnr"][0] == pytest.approx(means["RRSNet", "psnr"], abs=1e-4)
    assert kept["systems"]["dat-light"]["scores"]["psnr"][0] == pytest.approx(means["nearest", "psnr"], abs=1e-4)
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert [row["System"] for row in rows] == list(kept["systems"])
    assert f"| RRSNet | {rows[3]['Params (M)']} | 2 |" in (out / "table.md").read_text()
    assert "Effect of the reference" in (out / "report.html").read_text()

    def refuse(*_: object) -> None:
        raise AssertionError("done again")

    monkeypatch.setattr(benching, "train", refuse)
    monkeypatch.setattr(evaluate_module, "evaluate", refuse)
    assert main(["bench", str(file), "-o", str(out)]) == 0
    assert json.loads((out / "bench.json").read_text()) == kept
    capsys.readouterr()
    assert main(["bench", str(file), "train.lr_G=5e-4", "-o", str(out)]) == 1
    assert "was trained with other options than SRResNet has now (first: lr_G: 0.0005" in capsys.readouterr().err


def enlarged(sample):
    return sample["lr"].repeat_interleave(4, 1).repeat_interleave(4, 2).permute(1, 2, 0).numpy()


def test_minutes_become_iterations_that_are_kept(file, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(benching, "seconds_a_step", lambda options, group: calls.append(options.name) or 2.0)
    bench = load_bench([file]).model_copy(update={"iterations": None, "minutes": 0.5})
    for _ in range(2):
        systems = benching.within_minutes(bench, [], tmp_path, plan_systems(bench, [], tmp_path), ALONE)
        assert [one.options.train.niter for one in systems] == [15, 15, 1]
    assert calls == ["SRResNet", "RRSNet", "RRSNet again"]


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"iterations": 2, "minutes": 3}, "two budgets"),
        ({"sistems": {}}, "sistems"),
        (
            {"systems": {"A": {"options": "pair.yml", "start": "B"}}},
            "A starts from 'B', which is not a system above it",
        ),
        ({"systems": {"A": {"options": "pear.yml"}}}, "pear.yml: no such file"),
        ({"metrics": ["ssim", "psnrr"]}, "metric 'psnrr' is not known; did you mean 'psnr'?"),
        ({"dataset": "tset"}, "no datasets.tset to measure on; did you mean 'test'?"),
        (
            {"systems": {"A": {"options": "pair.yml"}, "B": {"options": "single.yml", "overrides": ["seed=4"]}}},
            "seed differs: 3 (A), 4 (B); put seed=VALUE in the overrides of the bench",
        ),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(file, tmp_path, capsys, change, answer):
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **change}))
    assert main(["bench", str(file), "-o", str(tmp_path / "out")]) == 2
    assert answer in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_measured_is_told_before_anything_is_trained(file, tmp_path, monkeypatch, capsys):
    def training(*_):
        raise UsageError("training begins")

    monkeypatch.setattr(benching, "train", training)
    monkeypatch.setattr(building, "find", lambda *_: None)
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "metrics": ["gms", "lpips"]}))
    assert main(["bench", str(file), "-o", str(tmp_path / "out")]) == 2
    first, *others = capsys.readouterr().err.splitlines()
    assert first.startswith("will not be measured: lpips: ")
    assert others[-1] == "refsr: training begins"
    assert not any("gms" in line for line in (first, *others))


def test_a_bench_file_is_checked_like_any_other(file, capsys):
    assert main(["options", "check", str(file)]) == 0
    assert "a bench of 3 systems, no mistakes" in capsys.readouterr().out
    assert main(["options", "check", str(file), "train.niterr=3"]) == 2
    assert "niterr" in capsys.readouterr().err
    file.write_text(f"{file.read_text()}metrics: [psnrr]\n")
    assert main(["options", "check", str(file)]) == 2
    assert "did you mean 'psnr'?" in capsys.readouterr().err


def test_option_files_are_a_bench_of_their_own(tmp_path, file):
    bench = load_bench([tmp_path / "single.yml", tmp_path / "pair.yml"])
    assert list(bench.systems) == ["single", "pair"]
    assert [one.options.train.niter for one in plan_systems(bench, [], tmp_path)] == [9, 9]


@pytest.mark.parametrize(
    "shipped", sorted((REPOSITORY / "options" / "bench").glob("*.yml")), ids=lambda file: file.stem
)
def test_shipped_benches_are_comparable(shipped, tmp_path):
    systems = plan_systems(load_bench([shipped]), [], tmp_path)
    assert len(systems) >= 4
    assert {one.options.model for one in systems} <= set(NAMES["task"])
    for system in systems:
        for name, dataset in system.options.datasets.items():
            roots = [root for key, root in dataset if key.startswith("dataroot_") and isinstance(root, Path)]
            assert len({root.parent for root in roots}) == 1, f"{system.name}, {name}: images of several worlds"
