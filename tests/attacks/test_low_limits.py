"""Little memory, few file handles, a small stack: one line, no abort."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from bounded import Bounded

MODEL = "rrsnet-small-x4"
MEGABYTE = 1 << 20
ENTRY = "import sys; from refsr.cli.main import entry; sys.argv = ['refsr', *sys.argv[1:]]; entry()"


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """Arguments of `refsr restore` of images that need some 100 MB."""
    for name, side in (("lr", 500), ("ref", 2000)):
        image = np.random.default_rng(1).integers(0, 255, (side, side, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    places = ["--lr", tmp_path / "lr.png", "--ref", tmp_path / "ref.png", "-o", tmp_path / "out.png"]
    return ["--model", MODEL, *map(str, places)]


@pytest.mark.parametrize("megabytes", [1, 10, 40])
def test_little_memory(megabytes: int, images: list[str], bounded: Bounded) -> None:
    ended = bounded("restore", *images, limits={"RLIMIT_AS": megabytes * MEGABYTE})
    assert ended.code == 1, ended.err
    said = ended.err.splitlines()[-1]
    assert said.startswith("refsr: ")
    assert "memory" in said
    assert "internal error" not in ended.err
    assert "Traceback" not in ended.err


def test_few_file_handles(images: list[str], bounded: Bounded, tmp_path: Path) -> None:
    ended = bounded("restore", *images, limits={"RLIMIT_NOFILE": 3})
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("refsr: ")
    assert "Too many open files" in ended.err
    assert "internal error" not in ended.err


def started(limit: int, value: int) -> subprocess.CompletedProcess[str]:
    """`refsr info` of the bundled model in a process that has the limit from its start."""
    return subprocess.run(
        [sys.executable, "-c", ENTRY, "info", MODEL], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (value, value)),
    )  # fmt: skip


def test_too_little_memory_for_libraries() -> None:
    ended = started(resource.RLIMIT_AS, 400 * MEGABYTE)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("refsr: not enough memory (libtorch")


def test_a_small_stack_is_enough() -> None:
    ended = started(resource.RLIMIT_STACK, 256 << 10)
    assert ended.returncode == 0, ended.stderr
    assert "RRSNet" in ended.stdout
