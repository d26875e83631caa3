"""Logs, runs and comparisons: what is cut, damaged or missing is said, and the rest is right."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from made_runs import MakeRun, log_lines, make_results

from refsr.core.errors import DataError, UsageError
from refsr.report.comparison import compare
from refsr.report.log import read_log
from refsr.report.read_runs import read_run, read_runs

QUOTED = "rgb-uint8-border4"


def write_log(file: Path, lines: list[dict[str, object]], tail: str = "") -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return file


def test_a_line_that_a_kill_cut_short_is_ignored(tmp_path: Path) -> None:
    whole = read_log(write_log(tmp_path / "a", log_lines()))
    cut = read_log(write_log(tmp_path / "b", log_lines(), '{"kind": "train", "st'))
    assert cut.losses["l_g_pix"].sorted() == whole.losses["l_g_pix"].sorted()
    assert cut.problems == []
    assert whole.last_step == 20
    assert whole.seconds == 20


def test_a_broken_line_in_the_middle_is_named_and_unknown_kinds_are_not(tmp_path: Path) -> None:
    lines = log_lines()
    text = "".join(json.dumps(line) + "\n" for line in lines[:3]) + 'oops\n[]\n{"kind": "moon"}\n{"kind": "train"}\n'
    (tmp_path / "log").write_text(text + "".join(json.dumps(line) + "\n" for line in lines[3:]))
    log = read_log(tmp_path / "log")
    assert log.problems == ["log: lines 4, 5, 7 cannot be read and are left out"]
    assert len(log.losses["l_g_pix"].points) == 20


def test_a_resume_replaces_the_steps_it_repeats(tmp_path: Path) -> None:
    lines = log_lines()
    again = [{"kind": "start", "time": 500.0, "name": "run-a", "niter": 20, "first": 11}]
    again += [{"kind": "train", "step": 15, "losses": {"l_g_pix": 7.0}, "time": 510.0}]
    log = read_log(write_log(tmp_path / "log", [*lines, *again]))
    steps = dict(log.losses["l_g_pix"].sorted())
    assert list(steps) == [*range(1, 11), 15]
    assert steps[15] == 7.0
    assert log.starts == 2
    assert log.last_step == 15
    assert log.seconds == 30
    assert list(dict(log.validations["drawn", QUOTED, "psnr"][""].sorted())) == [5, 10]


def test_both_networks_of_a_run_have_their_series_and_a_resume_replaces_both(tmp_path: Path) -> None:
    kinds = {"kind": "validation", "dataset": "drawn", "protocol": QUOTED, "images": 5}
    scores = {"G_ema": 20.0, "G": 19.0}
    lines = [kinds | {"step": step, "network": network, "psnr": value + step}
             for step in (5, 10) for network, value in scores.items()]  # fmt: skip
    resumed = [{"kind": "start", "first": 8}, kinds | {"step": 9, "network": "G", "psnr": 1.0}]
    found = read_log(write_log(tmp_path / "log", [*lines, *resumed])).validations
    assert list(found) == [("drawn", QUOTED, "psnr")]
    series = {network: one.sorted() for network, one in found["drawn", QUOTED, "psnr"].items()}
    assert series == {"G_ema": [(5, 25.0)], "G": [(5, 24.0), (9, 1.0)]}


def test_values_that_are_no_numbers_leave_gaps_in_the_curve(tmp_path: Path) -> None:
    lines = [{"kind": "train", "step": step, "losses": {"l": value}} for step, value in
             enumerate([1.0, math.nan, None, "x", True, math.inf, 2.0])]  # fmt: skip
    assert read_log(write_log(tmp_path / "log", lines)).losses["l"].sorted() == [(0, 1.0), (6, 2.0)]


def test_logs_with_random_bytes_changed_are_read_or_named(tmp_path: Path) -> None:
    content = "".join(json.dumps(line) + "\n" for line in log_lines()).encode()
    dice = random.Random(5)
    for _ in range(200):
        changed = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        (tmp_path / "log").write_bytes(bytes(changed[: dice.randrange(len(changed))]))
        read_log(tmp_path / "log")


def test_runs_are_read_from_their_folder_their_results_or_the_file(make_run: MakeRun) -> None:
    folder = make_run()
    for path in (folder, folder / "results" / "val", folder / "results" / "val" / "results.json", folder / "results"):
        run = read_run(path)
        assert [one.results.dataset for one in run.results_folders] == ["drawn"]
    assert read_run(folder).log is not None
    assert read_run(folder / "results" / "val").name == "run-a"
    assert len(read_runs([folder, folder])) == 1


def test_runs_without_log_or_results_say_so(make_run: MakeRun) -> None:
    assert any("no training log" in problem for problem in read_run(make_run("a", log=False)).problems)
    assert any("not validated yet" in problem for problem in read_run(make_run("b", results=False)).problems)


def test_mistakes_are_one_line_with_what_would_be_right(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("rrsnet-small")
    with pytest.raises(DataError, match=r"no such run; did you mean 'rrsnet-small'\?"):
        read_run(folder.with_name("rrsnet-smal"))
    with pytest.raises(DataError, match=r"contains neither log\.jsonl nor results"):
        read_run(tmp_path / "experiments")
    with pytest.raises(DataError, match="is a file"):
        read_run(folder / "options.yml")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "refsr-results-0"},
        {"methods": "bicubic"},
        {"methods": ["nearest"]},
        {"pictures": ["a"]},
        {"pictures": {"a": {"hr": 3}}},
        {"protocols": None},
        {"scores": [{"image": 1, "method": "bicubic", "protocol": "p", "metric": "psnr", "value": 1}]},
        {"scores": [{"image": "a", "method": "bicubic", "protocol": "p", "metric": "psnr", "value": "much"}]},
        {"scores": 5},
        {"scale": "four"},
        {"about": []},
        {"more": 1},
    ],
)
def test_damaged_results_are_named_and_the_rest_is_shown(make_run: MakeRun, change: dict[str, object]) -> None:
    folder = make_run(images=1, pictures=False)
    file = folder / "results" / "val" / "results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    run = read_run(folder)
    assert run.results_folders == []
    assert any("results.json" in problem for problem in run.problems)
    (folder / "log.jsonl").unlink()
    with pytest.raises(DataError, match=r"results\.json"):
        read_run(folder)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for root in ("monday", "friday"):
        make_results(tmp_path / root / "experiments" / "net" / "results" / "val", "net", images=1, pictures=False)
    runs = read_runs([tmp_path / root / "experiments" / "net" for root in ("monday", "friday")])
    assert [run.name for run in runs] == ["net (monday)", "net (friday)"]
    (comparison,) = compare(runs)
    assert [one.label for one in comparison.of_kind("run")] == ["net (monday)", "net (friday)"]


def test_differences_are_paired_and_belong_to_their_own_baseline(make_run: MakeRun) -> None:
    (one,) = compare(read_runs([make_run("a", share=0.5), make_run("b", share=0.3)]))
    better, worse = one.of_kind("run")
    assert [method.name for method in one.of_kind("baseline")] == ["nearest", "bicubic"], "equal baselines are one row"
    base = one.base_of(worse)
    assert base is one.base_of(better)
    assert base is not None
    expected = [value - one.values(base, QUOTED, "psnr")[image]
                for image, value in one.values(better, QUOTED, "psnr").items()]  # fmt: skip
    found = one.difference(better, base, QUOTED, "psnr")
    assert found is not None
    assert found.mean == pytest.approx(sum(expected) / len(expected))
    assert found.low <= found.mean <= found.high
    assert one.best(QUOTED, "psnr") == {better.key}
    assert [method.perturbed for method in one.ablations_of(better)] == ["swap", "blank"]
    assert one.unperturbed_of(one.ablations_of(worse)[0]) is worse
    assert one.warnings == []


def test_runs_measured_on_other_pictures_are_not_merged(make_run: MakeRun) -> None:
    (one,) = compare(read_runs([make_run("a", images=5), make_run("b", images=3)]))
    assert [method.label for method in one.of_kind("baseline")] == ["Nearest", "Bicubic", "Nearest (b)", "Bicubic (b)"]
    assert "a: 5 images; b: 3 images" in one.warnings[0]
    second = one.of_kind("run")[1]
    base = one.base_of(second)
    assert base is not None
    assert base.label == "Bicubic (b)"


def test_a_run_called_as_a_baseline_keeps_its_own_label(make_run: MakeRun) -> None:
    (one,) = compare(read_runs([make_run("Bicubic", images=2)]))
    labels = [method.label for method in one.methods]
    assert len(set(labels)) == len(labels)


def test_the_protocol_asked_for_comes_first(make_run: MakeRun) -> None:
    runs = read_runs([make_run(images=1)])
    assert next(iter(compare(runs, "y-uint8-border4")[0].protocols)) == "y-uint8-border4"
    with pytest.raises(UsageError, match="did you mean 'y-uint8-border4'"):
        compare(runs, "y-uint8-border")
