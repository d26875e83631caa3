"""Weights that come along are found by name, each has its page, and a wrong name is told with the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.bundled import bundled, located
from refsr.core.errors import DataError

NAMES = sorted(bundled())
LARGEST = 5_000_000


def test_one_at_least_comes_along():
    assert "rrsnet-small-x4" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_small_and_has_its_page(name):
    file = bundled()[name]
    assert file.stat().st_size < LARGEST
    page = file.with_suffix(".md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert all(f"\n## {heading}\n" in page for heading in ("Data", "Training", "Figures", "Limits"))


def test_a_name_stands_for_its_file():
    assert located(Path(NAMES[0])) == bundled()[NAMES[0]]


def test_what_is_there_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAMES[0]).mkdir()
    assert located(Path(NAMES[0])) == Path(NAMES[0])


@pytest.mark.parametrize("path", ["gone.safetensors", "runs/gone", "/gone"])
def test_paths_are_left_to_whoever_opens_them(path):
    assert located(Path(path)) == Path(path)


def test_a_wrong_name_is_told_with_the_nearest_right_one():
    with pytest.raises(DataError, match=r"rrsnet-smal-x4: no such file or folder.* did you mean 'rrsnet-small-x4'\?"):
        located(Path("rrsnet-smal-x4"))
