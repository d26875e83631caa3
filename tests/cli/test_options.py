"""`refsr options` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refsr.cli.main import main

HERE = Path(__file__).parents[1] / "core" / "options"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "try.yml"
    copy.write_text((HERE / "good.yml").read_text())
    return copy


def test_check_says_that_all_is_well(file, capsys):
    assert main(["options", "check", "try.yml", "--no-paths", "train.lr_G=1e-3"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "try.yml: no mistakes"


def test_check_names_each_mistake_and_fails(file, capsys):
    assert main(["options", "check", "--no-paths", "try.yml", "train.lr_G=x", "scael=3"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "refsr: 2 mistakes in the options",
        "command line: train.lr_G: 'x' is not a number",
        "command line: scael: unknown key; did you mean 'scale'?",
    ]


def test_check_looks_for_folders_unless_told_not_to(file, capsys):
    assert main(["options", "check", "try.yml"]) == 2
    assert "try.yml:7: datasets.train.dataroot_GT: no folder 'a'" in capsys.readouterr().err


def test_fix_shows_the_difference_and_writes_the_file(file, capsys):
    right = file.read_text()
    file.write_text(right.replace("GT_size: 64", "GT_sise:\t６４"))
    assert main(["options", "check", "try.yml", "--fix", "--no-paths"]) == 0
    shown = capsys.readouterr().out
    assert "+    GT_size: 64" in shown.splitlines()
    assert file.read_text() == right
    assert sorted(file.parent.iterdir()) == [file]


def test_fix_leaves_a_file_alone_that_it_cannot_repair(file, capsys):
    file.write_text(file.read_text().replace("GT_size: 64", "GT_size: 66"))
    before = file.read_bytes()
    assert main(["options", "check", "try.yml", "--fix", "--no-paths"]) == 2
    assert file.read_bytes() == before
    assert "66 is not a multiple of scale 4" in capsys.readouterr().err


def test_show_prints_yaml_that_checks(file, capsys):
    assert main(["options", "show", "try.yml", "train.lr_gamma=0.1"]) == 0
    shown = capsys.readouterr().out
    assert "lr_gamma: 0.1  # default 0.5" in shown
    file.write_text(shown)
    assert main(["options", "check", "try.yml", "--no-paths"]) == 0


def test_schema_prints_json_and_the_page(capsys):
    assert main(["options", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "refsr options"
    assert main(["options", "schema", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Options\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["check", "none.yml"], "refsr: none.yml: no such file"),
        (["check", "--fix", "none.yml"], "refsr: none.yml: no such file"),
        (["show", "."], "refsr: .: is a folder, not an option file"),
        (["chekc", "try.yml"], "refsr: refsr options: argument check|show|schema: invalid choice: 'chekc'"),
        (["check"], "refsr: refsr options check: the following arguments are required: OPTIONS.yml"),
        (["check", "try.yml", "--fxi"], "refsr: refsr options: there is no option --fxi; did you mean '--fix'?"),
    ],
)
def test_a_wrong_call_is_one_line(file, words, line, capsys):
    assert main(["options", *words]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(line)
    assert len(shown.splitlines()) == 1
