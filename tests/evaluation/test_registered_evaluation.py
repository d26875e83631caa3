"""refsr val and stress with registration: scores of the registered reference, and how each pair was registered."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refsr.cli.main import main
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.load import load_options
from refsr.data.build import build_dataset
from refsr.data.images import read_image, write_image
from refsr.data.prepare.derive import PrepareSettings
from refsr.data.prepare.run import prepare
from refsr.evaluation.evaluate import EvaluationOptions
from refsr.evaluation.metrics import find_metrics
from refsr.evaluation.results import Results
from refsr.evaluation.stress import stress_run
from refsr.inference.registered import registered
from refsr.runs.process_group import ALONE
from registered_places import KNOWN, write_places


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Place 2 has the Ref of place 0 beside it."""
    folder = write_places(tmp_path_factory.mktemp("pairs"))
    write_image(folder / "Ref" / "2.png", read_image(folder / "Ref" / "0.png"))
    return folder


@pytest.fixture
def words(pairs, tmp_path, trained):
    """Overrides that evaluate a run of one step on the pairs."""
    trained("train.niter=1")
    roots = {"dataroot_GT": "HR", "dataroot_Ref": "Ref"}
    return [
        *(f"datasets.val.{key}={pairs / kind}" for key, kind in roots.items()),
        f"datasets.val.register_cache={tmp_path / 'cache'}",
        "val.max_images=3",
    ]


def results(option_file) -> Results:
    return Results.read(load_options(option_file).path.root / "experiments" / "small" / "results" / "val")


def test_val_says_how_each_pair_was_registered(option_file, words, capsys):
    told = ["--register", "auto", "--ref", "swap", "--ref", "shift:4"]
    assert main(["val", str(option_file), *words, *told]) == 0
    found = results(option_file)
    about = found.about["registration"]
    assert about["mode"] == "auto"
    assert list(about["images"]) == ["0", "1", "2"]
    for key, (turn, scale, right, down) in zip(("0", "1"), KNOWN, strict=False):
        (record,) = about["images"][key]
        assert record["accepted"]
        assert record["shift"] == pytest.approx(np.hypot(right, down), abs=0.5)
        assert abs(record["turn"]) == pytest.approx(abs(turn), abs=0.2)
        assert record["scale"] == pytest.approx(scale, abs=0.01)
        assert 0 <= record["residual"] < 2
        assert record["likeness"] > record["likeness_before"]
    (refused,) = about["images"]["2"]
    assert not refused["accepted"]
    assert refused["reasons"]
    assert about["perturbed"] == {
        # Place 1 is swapped for Ref 0, which lies at place 2, and place 2 for that of place 0: all wrong.
        "small ref=swap": {"accepted": 0, "references": 3},
        "small ref=shift:4": {"accepted": 2, "references": 3},
    }
    images = load_options(option_file).path.root / "experiments" / "small" / "results" / "val" / "images"
    assert read_image(images / "0" / "ref_weight.png").mean() > 150
    assert not read_image(images / "2" / "ref_weight.png").any()
    assert not (images / "0" / "ref_used.png").exists()
    printed = capsys.readouterr().out
    assert "note: registered: 2 of 3 references; of these in the median shifted by" in printed
    assert "note: no reference is used for 2: none could be registered" in printed
    assert "note: small ref=swap: 0 of 3 perturbed references registered" in printed
    assert found.about["provenance"]["ref"] == "file, registered (auto)"
    psnr = {name: found.values(name, "rgb-uint8-border4", "psnr") for name in found.methods}
    # Without a reference the image is the same, whatever the reference was.
    assert psnr["small"]["2"] == psnr["small ref=swap"]["2"]
    assert psnr["small"]["0"] != psnr["small ref=swap"]["0"]


def test_none_is_as_without(option_file, words):
    assert main(["val", str(option_file), *words, "--no-images"]) == 0
    plain = results(option_file)
    assert "registration" not in plain.about
    assert main(["val", str(option_file), *words, "--no-images", "--register", "none"]) == 0
    assert results(option_file).scores == plain.scores
    assert main(["val", str(option_file), *words, "--no-images", "datasets.val.register=global"]) == 0
    assert results(option_file).about["registration"]["mode"] == "global"


def test_what_has_no_reference_cannot_be_registered(option_file, words, capsys):
    single = ["datasets.val.mode=single", "datasets.val.dataroot_Ref=null", "datasets.val.lr_up=file"]
    assert main(["val", str(option_file), *words, *single, "datasets.val.ref_down=file", "--register", "auto"]) == 2
    assert "no data set with references" in capsys.readouterr().err
    assert main(["val", str(option_file), *words, "--register", "autos"]) == 2
    assert "did you mean auto" in capsys.readouterr().err
    assert main(["val", str(option_file), *words, "--baselines", "--register", "auto"]) == 2
    assert "--register cannot be given" in capsys.readouterr().err


def test_the_report_shows_each_reference(option_file, words, tmp_path):
    assert main(["val", str(option_file), *words, "--register", "auto", "--no-images"]) == 0
    run = load_options(option_file).path.root / "experiments" / "small"
    assert main(["report", str(run), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "Registration of the references" in page
    table = page[page.index("Registration of the references") :]
    refused, used = table.index("refused: "), table.index(">used<")
    assert refused < used
    record = json.loads((run / "results" / "val" / "results.json").read_text())["about"]["registration"]["images"]["1"]
    for name, digits in (("shift", ".1f"), ("turn", ".2f"), ("scale", ".3f"), ("likeness", ".2f")):
        assert f"<td>{record[0][name]:{digits}}</td>" in table


def test_stress_registers_after_perturbing_and_keeps_both_results(options, words, monkeypatch):
    from refsr.data.perturbation import parse_perturbation

    monkeypatch.setattr(
        "refsr.evaluation.stress.all_perturbations", lambda: [parse_perturbation(one) for one in ("swap", "shift:8")]
    )
    chosen = options(*words)
    run = chosen.path.root / "experiments" / "small"
    monkeypatch.setattr("refsr.evaluation.stress.load_options", lambda file, more=(): options(*words, *more))
    what = EvaluationOptions(["rgb-uint8-border4"], find_metrics([], None, 4, ALONE.device), save_images=False)
    plain = stress_run(run, "val", what, ALONE)
    registered = stress_run(run, "val", what, ALONE, register="auto")
    assert "registration" not in plain.about
    assert registered.about["registration"]["perturbed"]["small ref=shift:8"] == {"accepted": 2, "references": 3}
    assert sorted(one.name for one in (run / "stress").iterdir()) == ["val", "val_register_auto"]
    made = []
    monkeypatch.setattr("refsr.evaluation.evaluate.evaluate", lambda *given: made.append(given) or registered)
    assert stress_run(run, "val", what, ALONE, register="auto").scores == registered.scores
    assert not made
    monkeypatch.setattr("refsr.evaluation.registrations.registration_version", lambda: "another")
    stress_run(run, "val", what, ALONE, register="auto")
    assert len(made) == 1


def test_of_several_references_val_says_which_was_used(option_file, words, pairs, tmp_path):
    """Beside the Ref that is wrong at place 2 lies one that is right."""
    right = write_places(tmp_path / "right") / "Ref"
    several = [*words, f"datasets.val.dataroot_Ref=[{pairs / 'Ref'},{right}]"]
    assert main(["val", str(option_file), *several, "--register", "global", "--ref", "swap"]) == 0
    about = results(option_file).about["registration"]
    assert [one["accepted"] for one in about["images"]["2"]] == [False, True]
    assert [one["accepted"] for one in about["images"]["0"]] == [True, True]
    assert about["images"]["2"][1]["used"] > 0.7
    assert about["perturbed"]["small ref=swap"] == {"accepted": 0, "references": 6}
    images = load_options(option_file).path.root / "experiments" / "small" / "results" / "val" / "images"
    assert set(np.unique(read_image(images / "2" / "ref_used.png"))) == {0, 2}
    assert 1 in read_image(images / "0" / "ref_used.png")


def test_of_prepared_references_results_say_so(option_file, words, pairs, tmp_path, capsys):
    prepare(pairs, tmp_path / "set", PrepareSettings(4, register="auto"))
    roots = {"dataroot_GT": "HR", "dataroot_Ref": "Ref_reg", "dataroot_Ref_weight": "Ref_weight"}
    made = [*words, *(f"datasets.val.{key}={tmp_path / 'set' / kind}" for key, kind in roots.items())]
    assert main(["val", str(option_file), *made]) == 0
    assert results(option_file).about["registration"] == {"mode": "prepared"}
    assert "note: references were registered by refsr prepare" in capsys.readouterr().out
    prepared = results(option_file).scores
    assert main(["val", str(option_file), *words, "--register", "auto"]) == 0
    assert results(option_file).scores == prepared
    assert main(["val", str(option_file), *made, "--register", "auto"]) == 2
    assert "is of a Ref that is registered already" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["auto", "global"])
def test_val_and_restore_give_the_network_one_reference(pairs, tmp_path, mode):
    """A data set keeps Ref and its weight in 8 bits; apart from that rounding there is no difference."""
    folder = write_places(tmp_path / "places", 2)
    # Ref of place 1 lies on LR already.
    write_image(folder / "Ref" / "1.png", read_image(folder / "HR" / "1.png"))
    roots = {"dataroot_GT": folder / "HR", "dataroot_LQ": folder / "LR", "dataroot_Ref": folder / "Ref"}
    given = {"mode": "reference", "lr_up": "from_lr", "ref_down": "from_ref", "register": mode, **roots}
    made = build_dataset(DatasetOptions(**given, register_cache=tmp_path / "cache"), 4, 0)
    for index in range(2):
        sample = made[index]
        lr, ref = (read_image(folder / kind / f"{index}.png").astype(np.float32) / 255 for kind in ("LR", "Ref"))
        found = registered(lr, {"ref": ref}, 4, mode).images["ref"]
        np.testing.assert_allclose(sample["ref"].permute(1, 2, 0).numpy(), found, atol=1.1 / 255)
