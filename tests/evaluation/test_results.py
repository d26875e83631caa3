"""Results: the table's statistics, and files that come back."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.evaluation.results import Results, Score, summarise


def made() -> Results:
    values = {"bicubic": [20.0, 22.0, 24.0], "run": [21.0, 24.0, math.inf]}
    scores = [
        Score(str(image), method, "p", "psnr", value)
        for method, row in values.items()
        for image, value in enumerate(row)
    ]
    return Results(
        "run",
        "set",
        4,
        ["bicubic", "run"],
        {"p": "about p"},
        {"psnr": {"better": "higher"}},
        scores,
        {"0": {"lr": "images/0/lr.png"}},
        {"notes": ["a note"]},
    )


def test_files_come_back(tmp_path):
    results = made()
    results.write(tmp_path)
    assert Results.read(tmp_path) == results
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert len(rows) == 6
    assert rows[0] == {"image": "0", "method": "bicubic", "protocol": "p", "psnr": "20.000000"}


def test_the_table_is_in_the_order_of_the_methods():
    first, second = made().table()
    assert (first.method, first.mean, first.count) == ("bicubic", 22.0, 3)
    assert first.std == pytest.approx(np.std([20, 22, 24], ddof=1))
    assert (second.mean, second.std) == (math.inf, 0)
    assert made().values("run", "p", "psnr") == {"0": 21.0, "1": 24.0, "2": math.inf}


def test_the_interval_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = sum(
        (one := summarise("m", "p", "psnr", list(generator.normal(30, 2, 40)))).low <= 30 <= one.high
        for _ in range(200)
    )
    assert 0.90 <= covered / 200 <= 0.99
    values = [1.0, 2.0, 5.0]
    assert summarise("m", "p", "x", values) == summarise("m", "p", "x", values)


@pytest.mark.parametrize("count", [30, 200, 1000])
def test_the_interval_is_that_of_the_mean_s_normal_distribution(count):
    """Means of many draws are normal: 1.96 standard errors to each side, of which 2000 draws miss a few percent."""
    values = np.random.default_rng(count).normal(30, 2, count)
    one = summarise("m", "p", "psnr", list(values))
    error = values.std() / np.sqrt(count)
    assert (one.mean - one.low) / error == pytest.approx(1.96, rel=0.08)
    assert (one.high - one.mean) / error == pytest.approx(1.96, rel=0.08)


def test_every_image_is_drawn_as_often_as_any_other():
    """One image of 200 differs: wherever it stands, the interval is the one of a Poisson number of draws of it."""
    for place in (0, 57, 199):
        values = [0.0] * 200
        values[place] = 200.0
        one = summarise("m", "p", "psnr", values)
        assert (one.low, one.high) in ((0.0, 3.0), (0.0, 4.0))


def test_what_is_no_results_folder_gets_one_line(tmp_path):
    with pytest.raises(DataError, match=r"holds no results\.json; refsr val writes it"):
        Results.read(tmp_path)
    made().write(tmp_path)
    file = tmp_path / "results.json"
    good = file.read_text()
    for perturbed in (good[:200], "[]", "{}", good.replace("refsr-results-1", "refsr-results-0")):
        file.write_text(perturbed)
        with pytest.raises(DataError) as caught:
            Results.read(tmp_path)
        assert "\n" not in str(caught.value)


def in_classes() -> Results:
    results = made()
    names = {"0": "river/0", "1": "sea/1", "2": "river/2"}
    results.scores = [replace(score, image=names[score.image]) for score in results.scores]
    results.scores.append(Score("", "run", "p", "fid", 7.0))
    results.metrics["fid"] = {"better": "lower"}
    return results


def test_classes_have_tables_of_their_own_images(tmp_path):
    results = in_classes()
    assert results.classes == ["river", "sea"]
    river = {(one.method, one.metric): (one.mean, one.count) for one in results.table("river")}
    assert river == {("bicubic", "psnr"): (22.0, 2), ("run", "psnr"): (math.inf, 2)}
    assert [(one.mean, one.count) for one in results.table("sea")] == [(22.0, 1), (24.0, 1)]
    assert [one.count for one in results.table()] == [3, 3, 1]
    results.write(tmp_path)
    assert Results.read(tmp_path) == results
    rows = list(csv.DictReader((tmp_path / "classes.csv").open()))
    assert [tuple(row.values()) for row in rows] == [
        ("river", "bicubic", "p", "22.000000", ""),
        ("river", "run", "p", "inf", ""),
        ("sea", "bicubic", "p", "22.000000", ""),
        ("sea", "run", "p", "24.000000", ""),
    ]
    kept = json.loads((tmp_path / "results.json").read_text())["classes"]
    assert [one["mean"] for one in kept["sea"]] == [22.0, 24.0]


def test_images_without_classes_have_no_such_table(tmp_path):
    results = made()
    results.write(tmp_path)
    assert results.classes == []
    assert not (tmp_path / "classes.csv").exists()
    # One folder for all tells nothing apart.
    results.scores = [replace(score, image=f"all/{score.image}") for score in results.scores]
    assert results.classes == []
    # Results from before there were classes are read as they are.
    content = json.loads((tmp_path / "results.json").read_text())
    del content["classes"]
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert Results.read(tmp_path).scores == made().scores
