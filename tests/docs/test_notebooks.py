"""The notebooks run, print what is stored in them, and stay small."""

from __future__ import annotations

import importlib.util
import json

import pytest
from pages import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "docs" / "notebooks").glob("*.ipynb"))


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = script("notebooks")
SITE = script("site_pages")


def test_there_are_three():
    assert [file.stem for file in NOTEBOOKS] == ["first_hour", "own_network", "own_raster"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_prints_what_is_stored(file, own_names, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert not RUNNER.problems(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_is_small(file):
    assert file.stat().st_size <= RUNNER.LARGEST


def notebook(source: str, printed: str = "") -> dict:
    stored = [{"name": "stdout", "output_type": "stream", "text": [printed]}] if printed else []
    return {"cells": [{"cell_type": "code", "source": [source], "outputs": stored}]}


def test_other_output_is_found():
    assert not RUNNER.problems(notebook("print('28.31 dB')", "28.30 dB\n"))
    assert RUNNER.problems(notebook("print('28.41 dB')", "28.30 dB\n"))
    assert RUNNER.problems(notebook("print('more')", "less\n"))
    assert RUNNER.problems(notebook("print('more')"))
    with pytest.raises(ZeroDivisionError):
        RUNNER.problems(notebook("1 / 0"))


def test_html_of_an_object_is_kept_and_shown(tmp_path):
    class Rich:
        def _repr_html_(self):
            return "<b>rich</b>"

    (output,) = RUNNER.kept("", [Rich()])
    assert output["data"]["text/html"] == ["<b>rich</b>"]
    cells = [{"cell_type": "markdown", "source": ["# Title"]}, {"cell_type": "code", "source": [], "outputs": [output]}]
    file = tmp_path / "made.ipynb"
    file.write_text(json.dumps({"cells": cells}))
    assert "\n\n<b>rich</b>" in SITE.notebook_page(file)


def test_it_becomes_a_page_with_outputs(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["print(1)"], "outputs": RUNNER.kept("1\n", [RUNNER.Image(b"png")])},
    ]
    file = tmp_path / "made.ipynb"
    file.write_text(json.dumps({"cells": cells}))
    page = SITE.notebook_page(file)
    assert page.startswith("# Title\n\n[Download this page as a notebook](made.ipynb)")
    assert "```python\nprint(1)\n```\n\n```text\n1\n```\n\n<img " in page
