"""The process that the QGIS plugin runs: its lines and progress come through, and cancelling ends it. Needs no QGIS."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "integrations" / "qgis" / "refsr_qgis"


@pytest.fixture(scope="module")
def command() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refsr_qgis_command", PLUGIN / "command.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def never() -> bool:
    return False


def test_lines_and_progress_come_through(command: ModuleType) -> None:
    code = "import sys; print('restoring: 1/4, about 3 s left'); print('plain', file=sys.stderr); print('x: done: 4/4')"
    lines: list[str] = []
    percents: list[float] = []
    command.run_command([sys.executable, "-c", code], lines.append, percents.append, never)
    assert sorted(lines) == ["plain", "restoring: 1/4, about 3 s left", "x: done: 4/4"]
    assert percents == [25, 100]


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("restoring: 3/12, about 20 s left 5 tiles", 25),
        ("restoring: done: 12/12 in 3.5 s", 100),
        ("restoring: stopped at 6/12 in 1.0 s", 50),
        ("packing: 0/0", None),
        ("sr.tif: 400x400, 3 bands", None),
        ("Ref: EPSG:32632, 1/2 of it", None),
        ("", None),
    ],
)
def test_progress_is_read_off_lines(command: ModuleType, line: str, percent: float | None) -> None:
    assert command.percent(line) == percent


def test_progress_is_what_the_command_prints(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    from refsr.cli.console import Lines

    with Lines("restoring", 4) as bar:
        bar.advance(4)
    assert command.percent(capsys.readouterr().err.strip()) == 100


def test_a_failure_repeats_the_last_lines(command: ModuleType) -> None:
    words = [sys.executable, "-m", "refsr", "restore", "--lr", "missing.tif", "-o", "out.tif"]
    with pytest.raises(command.CommandError, match=r"refsr failed:\n(.*\n)*refsr: .*missing\.tif"):
        command.run_command(words, print, print, never)


def test_cancelling_interrupts_the_process(command: ModuleType, tmp_path: Path) -> None:
    """It gets Ctrl-C, as on a terminal, and is waited for."""
    left = tmp_path / "put away"
    code = f"""
import pathlib, sys, time
try:
    print("begun", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path({str(left)!r}).touch()
"""
    lines: list[str] = []
    with pytest.raises(command.CommandError, match="cancelled"):
        command.run_command([sys.executable, "-c", code], lines.append, print, lambda: bool(lines))
    assert left.exists()


def test_a_process_that_does_not_end_is_killed(command: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SECONDS_TO_END", 1)
    code = "import os, signal, time; signal.signal(2, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(600)"
    lines: list[str] = []
    with pytest.raises(command.CommandError, match="cancelled"):
        command.run_command([sys.executable, "-c", code], lines.append, print, lambda: bool(lines))
    with pytest.raises(ProcessLookupError):
        os.kill(int(lines[0]), 0)


def test_qgis_own_surroundings_stay_outside(command: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PROJ_LIB", "/nowhere")
    lines: list[str] = []
    code = "import os; print(sorted(set(os.environ) & {'PYTHONHOME', 'PROJ_LIB'}))"
    command.run_command([sys.executable, "-c", code], lines.append, print, never)
    assert lines == ["[]"]


def test_the_command_is_found_or_how_to_install_it_is_said(
    command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = tmp_path / "refsr", tmp_path / "other"
    for file in (own, other):
        file.write_text("#!/bin/sh\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv(command.SETTING, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.find_command("") == str(own)
    assert command.find_command(str(other)) == str(other)
    monkeypatch.setenv(command.SETTING, str(other))
    assert command.find_command("") == str(other)
    with pytest.raises(command.CommandError, match=r"nowhere is no command\. .*Settings, Options, Processing"):
        command.find_command("/nowhere")
    monkeypatch.delenv(command.SETTING)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(command.CommandError, match="was not found"):
        command.find_command("")
