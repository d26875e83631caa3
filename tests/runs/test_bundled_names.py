"""Bundled weights are found by name, each has its page, and a wrong name gets the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.errors import DataError
from refsr.core.registry import DEFAULT_MODEL, bundled
from refsr.runs.model_file import model_file_at

NAMES = sorted(bundled())
LARGEST = 5_000_000


def test_the_default_is_bundled():
    assert DEFAULT_MODEL in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_small_and_has_its_page(name):
    file = bundled()[name]
    assert file.stat().st_size < LARGEST
    page = file.with_suffix(".md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert all(f"\n## {heading}\n" in page for heading in ("Data", "Training", "Results", "Limits"))


def test_a_name_stands_for_its_file():
    assert model_file_at(NAMES[0]) == bundled()[NAMES[0]]


def test_what_is_there_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(NAMES[0]).mkdir()
    with pytest.raises(DataError, match=f"{NAMES[0]}: is no folder of a run with a checkpoint"):
        model_file_at(NAMES[0])
    Path(NAMES[0]).rmdir()
    Path(NAMES[0]).write_bytes(b"")
    assert model_file_at(NAMES[0]) == Path(NAMES[0])


@pytest.mark.parametrize("path", ["gone.safetensors", "runs/gone", "/gone"])
def test_paths_are_left_to_whoever_opens_them(path):
    assert model_file_at(path) == Path(path)


def test_a_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(DataError, match=r"rrsnet-smal-x4: no such file or folder.* did you mean 'rrsnet-small-x4'\?"):
        model_file_at("rrsnet-smal-x4")
