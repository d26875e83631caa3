"""The command: help, one line a mistake, and Ctrl-C that leaves whole files only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refsr.cli.main import main
from refsr.data.images import read_image


def test_help_lists_every_knob(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["world", "--help"])
    said = capsys.readouterr().out
    for option in ("--places", "--spectral-shift", "--optics", "--like", "--workers", "--geo", "--cube-factor"):
        assert option in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--size", "100", "--scale", "3"], "size 100 is not a multiple of scale 3; 99 or 102 would be"),
        (["--view-angle", "80"], "view_angle 80.0 is out of range, 0 to 40 is allowed"),
        (["--optics", "duel-zoom"], "did you mean 'dual-zoom'?"),
        (["--places", "many"], "invalid int value: 'many'"),
        (["--like", "rrsrd"], "did you mean 'rrssrd'?"),
    ],
)
def test_mistakes_are_one_line(words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_interrupted_worlds_hold_whole_files_and_can_be_completed(tmp_path: Path) -> None:
    out = tmp_path / "world"
    command = [sys.executable, "-m", "refsr", "world", str(out), "--places", "12", "--size", "64", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not list(out.glob("places/*.json")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 130
    assert said.rstrip().endswith("refsr: stopped")
    assert "Traceback" not in said
    assert 1 <= len(list(out.glob("places/*.json"))) < 12
    files = [file for file in out.rglob("*") if file.is_file()]
    assert not [file for file in files if file.name.startswith(".")]
    for file in files:
        if file.suffix == ".png":
            read_image(file)
    assert main(["world", str(out), "--places", "12", "--size", "64", "--workers", "2"]) == 0
    assert len(list(out.glob("places/*.json"))) == 12
