"""Packing that is killed or runs out of disk leaves a store that tells the truth and can be completed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from refsr.data.images import write_image
from refsr.data.stores import open_store
from refsr.data.stores.checking import verify
from refsr.data.stores.packing import pack_folder

PACK = [sys.executable, "-m", "refsr", "pack"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "HR"
    for i in range(400):
        write_image(folder / f"{i:03}.png", np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    return folder


def kill_and_complete(source: Path, target: Path, after: float) -> bool:
    """Kills a packing process; True if it was caught before its end. The store must tell, and be completed."""
    process = subprocess.Popen([*PACK, str(source), str(target)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (target / "data.mdb").exists() and process.poll() is None:
        time.sleep(0.001)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    caught = process.wait() == -signal.SIGKILL
    damages = verify(target)
    assert all(damage.key is None for damage in damages)
    if caught and damages:
        assert "packing did not end" in str(damages[0]) or "not a packed store" in str(damages[0])
    pack_folder(source, target)
    assert verify(target) == []
    assert len(open_store(target).keys()) == 400
    key = open_store(target).keys()[-1]
    np.testing.assert_array_equal(open_store(target).read(key), open_store(source).read(key))
    return caught and bool(damages)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.06])
def test_killed_packing_is_completed_by_a_rerun(source, tmp_path, after):
    kill_and_complete(source, tmp_path / "HR.lmdb", after)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(source, tmp_path):
    draw = np.random.default_rng(0)
    caught = [kill_and_complete(source, tmp_path / f"{i}.lmdb", float(draw.uniform(0, 0.15))) for i in range(20)]
    assert sum(caught) >= 5


def test_a_full_disk_is_one_line_and_leaves_what_was_there(source, tmp_path):
    """A limit on file size stands for the full disk: the same write fails at the same place."""
    target = tmp_path / "HR.lmdb"
    few = tmp_path / "few"
    few.mkdir()
    for name in ("000.png", "001.png"):
        shutil.copy(source / name, few / name)
    pack_folder(few, target)
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
    pack_folder(few, target)
    assert set(open_store(target).keys()) >= {"000", "001"}
    assert verify(target) == []


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs the right to mount a small disk")
def test_a_small_real_disk_that_fills_up(source, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        command = [*PACK, str(source), str(disk / "HR.lmdb")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "full" in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)
