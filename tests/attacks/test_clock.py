"""A clock that runs backwards, and files of the future: nothing waits for them, and no order is another."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mixing import write_mixing
from torch import Tensor

from refsr.cli.main import main as refsr
from refsr.data.stores import open_store
from refsr.data.stores.packing import pack_folder
from refsr.report.log import read_log
from refsr.runs.model_file import read_tensors
from refsr.runs.run_folder import RunFolder, checkpoint_steps
from small_run import option_file, options, trained

__all__ = ["option_file", "options", "trained"]

FUTURE = 4_000_000_000
"""Seconds since 1970: the year 2096."""


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock shows a day less."""
    days = itertools.count()
    monkeypatch.setattr(time, "time", lambda: FUTURE - 86_400.0 * next(days))


def move_to_the_future(folder: Path) -> None:
    """All files and folders below; the older ones are the newer ones now."""
    for number, path in enumerate(sorted(folder.rglob("*"), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (FUTURE - number, FUTURE - number))


def weights(folder: RunFolder, step: int) -> dict[str, Tensor]:
    return read_tensors(folder.checkpoints / str(step) / "G.safetensors")[0]


@pytest.mark.usefixtures("backwards")
def test_a_run_is_resumed_from_its_newest_step_whatever_the_clock_says(
    trained: Callable[..., Any], options: Callable[..., Any], tmp_path: Path
) -> None:
    trained("name=whole")
    trained("train.niter=4")
    folder = RunFolder.of(options())
    move_to_the_future(tmp_path)
    trained("path.auto_resume=true")
    assert checkpoint_steps(folder.checkpoints) == [2, 4, 6]
    again, whole = weights(folder, 6), weights(RunFolder.of(options("name=whole")), 6)
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())
    log = read_log(folder.events)
    assert log.starts == 2
    assert log.seconds >= 0
    assert [step for step, _ in log.losses["l_g_pix"].sorted()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("backwards")
def test_runs_of_one_moment_are_archived_beside_each_other(
    trained: Callable[..., Any], options: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda *_: "700101-000000")
    for _ in range(3):
        trained("train.niter=2")
    runs = sorted(path.name for path in RunFolder.of(options()).path.parent.iterdir() if path.is_dir())
    assert runs == ["small", "small_archived_700101-000000", "small_archived_700101-000000-1"]


@pytest.mark.usefixtures("backwards")
def test_what_is_done_is_not_done_again(places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Packing, preparing and restoring go by content, and a changed image is seen though its time is an older one."""
    pack_folder(places / "HR", tmp_path / "HR.lmdb")
    prepare = ["prepare", str(places), str(tmp_path / "prepared"), "--scale", "4", "--workers", "1"]
    assert refsr(prepare) == 0
    made = {file: file.read_bytes() for file in tmp_path.rglob("*.png")}
    restore = [
        "restore", "--model", str(write_mixing(tmp_path / "mixing.safetensors")), "--lr",
        str(tmp_path / "prepared" / "LR"), "--ref", str(tmp_path / "prepared" / "Ref"), "-o", str(tmp_path / "sr"),
    ]  # fmt: skip
    assert refsr(restore) == 0
    move_to_the_future(tmp_path)
    capsys.readouterr()
    assert pack_folder(places / "HR", tmp_path / "HR.lmdb").kept == len(open_store(places / "HR").keys())
    assert refsr(prepare) == 0
    assert refsr(restore) == 0
    assert {file: file.read_bytes() for file in made} == made
    changed = tmp_path / "prepared" / "HR" / "0.png"
    changed.write_bytes((places / "HR" / "1.png").read_bytes())
    os.utime(changed, (1, 1))
    assert refsr(prepare) == 0
    assert changed.read_bytes() == made[changed]
