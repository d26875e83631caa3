"""Packing that is killed or runs out of disk leaves a store that tells the truth and can be completed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refsr.data.images import write_image
from refsr.data.stores import open_store, packing
from refsr.data.stores.checking import verify

PACK = [sys.executable, "-m", "refsr", "pack"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "HR"
    for i in range(400):
        write_image(folder / f"{i:03}.png", np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    return folder


KILLED = """
import os, signal, sys
from refsr.cli.main import main
from refsr.data.stores import packing

transactions, growing = 0, packing.growing

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def counted(environment, fill):
    global transactions
    transactions += 1
    if transactions != {at}:
        return growing(environment, fill)
    if {moment!r} == "before":
        kill()
    growing(environment, lambda transaction: (fill(transaction), {moment!r} == "inside" and kill()))
    kill()

packing.growing = counted
sys.exit(main(sys.argv[1:]))
"""
TRANSACTIONS = 1 + -(-400 // packing.BATCH_IMAGES) + 1
"""The format's, one a batch, and the one that marks the store complete."""


def kill_and_complete(source: Path, target: Path, at: int, moment: str) -> None:
    """Kills packing at a transaction: before it, inside of it, after it. The store must tell, and be completed."""
    code = KILLED.format(at=at, moment=moment)
    words = [sys.executable, "-c", code, "pack", str(source), str(target)]
    killed = subprocess.run(words, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    damages = verify(target)
    if (at, moment) == (TRANSACTIONS, "after"):
        assert damages == []
    else:
        (damage,) = damages
        assert damage.key is None
        assert "packing did not end" in str(damage) or "not a packed store" in str(damage)
    whole = max(0, at - 1 - (moment != "after")) * packing.BATCH_IMAGES
    assert packing.pack_folder(source, target).kept == min(400, whole)
    assert verify(target) == []
    assert len(open_store(target).keys()) == 400
    key = open_store(target).keys()[-1]
    np.testing.assert_array_equal(open_store(target).read(key), open_store(source).read(key))


@pytest.mark.parametrize(("at", "moment"), [(1, "before"), (2, "inside"), (3, "after"), (TRANSACTIONS, "inside")])
def test_killed_packing_is_completed_by_a_rerun(source, tmp_path, at, moment):
    kill_and_complete(source, tmp_path / "HR.lmdb", at, moment)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "inside", "after"])
@pytest.mark.parametrize("at", range(1, TRANSACTIONS + 1))
def test_killed_at_every_transaction(source, tmp_path, at, moment):
    kill_and_complete(source, tmp_path / "HR.lmdb", at, moment)


def test_a_full_disk_is_one_line_and_leaves_what_was_there(source, tmp_path):
    """A limit on file size stands for the full disk: the same write fails at the same place."""
    target = tmp_path / "HR.lmdb"
    few = tmp_path / "few"
    few.mkdir()
    for name in ("000.png", "001.png"):
        shutil.copy(source / name, few / name)
    packing.pack_folder(few, target)
    limit = (target / "data.mdb").stat().st_size + 200_000

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [*PACK, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=small_files)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"refsr: {target}: ")
    assert "full" in last
    assert "Traceback" not in done.stderr
    assert [damage.key for damage in verify(target)] == [None]
    packing.pack_folder(few, target)
    assert set(open_store(target).keys()) >= {"000", "001"}
    assert verify(target) == []


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs the right to mount a small disk")
@pytest.mark.parametrize("free", [900_000, 0])
def test_a_small_real_disk_that_fills_up(source, tmp_path, free):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "filler").write_bytes(bytes((1 << 20) - free))
        command = [*PACK, str(source), str(disk / "HR.lmdb")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "full" in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)
