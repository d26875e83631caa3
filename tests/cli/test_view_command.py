"""refsr view: mistakes are one line, before a port is opened."""

from __future__ import annotations

import sys

import pytest

from refsr.cli.main import main
from refsr.view import server

NEEDS_EXTRA = ("rio_tiler", "starlette", "uvicorn", "rasterio")


@pytest.fixture
def extra_view():
    for name in NEEDS_EXTRA:
        pytest.importorskip(name, reason=f"{name} is missing: the extra view, Python 3.11 or newer")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["missing.tif"], "missing.tif: no such file"),
        (["--lr", "."], ".: is a folder"),
        (["--lr", ""], "an empty name"),
        (["--port", "70000"], "expected 0 to 65535"),
        (["--host", "0.0.0.0"], "--public allows it"),
        (["--model", "refsr-x5"], "refsr-x4"),
    ],
)
def test_mistakes_are_one_line(extra_view, words, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["view", "--no-browser", *words]) in (1, 2)
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_an_older_python_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    assert main(["view"]) == 1
    assert "needs Python 3.11 or newer, as rio-tiler does; this is 3.10" in capsys.readouterr().err


def test_what_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(server, "NEEDED", ("rasterio_that_is_missing",))
    monkeypatch.setattr(sys, "version_info", (3, 12, 0))
    assert main(["view"]) == 1
    assert "needs rasterio_that_is_missing; pip install 'refsr[view]'" in capsys.readouterr().err


def test_it_serves_until_it_is_interrupted(extra_view, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def interrupted(state, host, port, started):
        with server.served(state, host, port) as access:
            started(access)
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "serve", interrupted)
    assert main(["view"]) == 0
    said = capsys.readouterr().out
    assert opened == [said.split()[2]]
    assert opened[0].startswith("http://127.0.0.1:")
    assert "token=" in opened[0]
    assert said.endswith("ended\n")
