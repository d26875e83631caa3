"""An image of a test set in the viewer: found in the results of runs by its name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refsr.cli.main import main as refsr
from refsr.core.errors import DataError, UsageError
from refsr.data.images import write_image
from refsr.evaluation.results import Results
from refsr.view.cases import case_files
from refsr.view.opening import open_scene

SIDES = {"lr": 8, "ref": 32, "hr": 32, "bicubic": 32, "evidence-borrowed": 32}


def results(folder, run, image="town/3", **more):
    """Results of a run with the pictures of one image."""
    named = {}
    for name, side in {**SIDES, run: 32, **more}.items():
        named[name] = f"images/{name}.png"
        write_image(folder / named[name], np.full((side, side, 3), len(name), np.uint8))
    Results(run, "drawn", 4, ["bicubic", run, *more], {}, {}, pictures={image: named}).write(folder)
    return folder


@pytest.fixture
def run(tmp_path):
    results(tmp_path / "one" / "results" / "drawn", "one")
    return tmp_path / "one"


def test_a_case_is_a_scene(run, tmp_path):
    files = case_files([str(run)], "town/3")
    assert [(file.role, file.name) for file in files] == [
        ("sr", "one"), ("lr", "LR"), ("ref", "Ref"), ("other", "HR"), ("other", "bicubic"),
        ("other", "borrowed, 0 to 255"),
    ]  # fmt: skip
    scene = open_scene(files, tmp_path)
    assert scene.name == "one"
    assert {layer.bounds for layer in scene.layers} == {(0, 0, 32, 32)}


def test_runs_are_shown_together_and_share_what_is_no_result(run, tmp_path):
    other = results(tmp_path / "two" / "results" / "drawn", "two", **{"dat-light": 32})
    files = case_files([str(run), str(other)], "town/3")
    assert [file.name for file in files] == [
        "one", "two", "LR", "Ref", "HR", "bicubic", "one: borrowed, 0 to 255", "two: borrowed, 0 to 255", "dat-light",
    ]  # fmt: skip


def test_the_data_set_is_named_where_there_are_several(run, tmp_path):
    results(run / "results" / "other", "one", image="sea")
    with pytest.raises(UsageError, match="results on drawn, other; say which by --dataset"):
        case_files([str(run)], "sea")
    assert len(case_files([str(run)], "sea", "other")) == 6
    with pytest.raises(UsageError, match="did you mean 'other'"):
        case_files([str(run)], "sea", "othr")


def test_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(DataError, match=r"no picture of 'town/4'; did you mean 'town/3'"):
        case_files([str(run)], "town/4")
    with pytest.raises(DataError, match=r"has no results/\*/results.json"):
        case_files([str(tmp_path)], "town/3")
    folder = tmp_path / "bare"
    Results("bare", "drawn", 4, ["bare"], {}, {}).write(folder)
    with pytest.raises(DataError, match="--no-images"):
        case_files([str(folder)], "town/3")


def test_pictures_outside_are_not_read(run):
    file = run / "results" / "drawn" / "results.json"
    content = json.loads(file.read_text())
    content["pictures"]["town/3"]["hr"] = "../../../secret.png"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="leads out of its folder"):
        case_files([str(run)], "town/3")
    content["pictures"] = {"town/3": ["hr.png"]}
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="is damaged"):
        case_files([str(run)], "town/3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dataset", "drawn"], "--dataset belongs to --case"),
        (["--case", "town/3"], "--case wants the folder of a run"),
        (["run", "--case", "town/3", "--lr", "lr.png"], "leave out --lr"),
    ],
)
def test_options_that_do_not_go_together(words, message, capsys):
    assert refsr(["view", *words]) == 2
    assert message in capsys.readouterr().err
