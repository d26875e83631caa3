"""Whatever is killed of a real cluster, the same command ends with the bytes of a clean run."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import rasterio
from made_archives import HERE, settings, sources, write_enlarging, write_pair, write_scenes
from tile_gate import Gate

import refsr
from refsr.archive.journal import BEGUN, BLOCKS, DONE, read_journal
from refsr.archive.restore_archive import restore_archive
from refsr.core.progress import no_progress
from refsr.inference.rasters import restore_raster

EFFORT = int(os.environ.get("REFSR_EFFORT", "1"))
SMALL, LARGE = 20, 600
PAUSE = 0.01
"""Seconds that a tile waits, so that there is time to kill something."""
PATIENCE = 240.0
"""Seconds after which a cluster counts as hanging."""


@pytest.fixture(scope="module")
def model(enlarging: Path) -> Path:
    return write_enlarging(enlarging.with_name("slow.safetensors"), pause=PAUSE)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_scenes(tmp_path_factory.mktemp("scenes"), SMALL)
    # Comes last by its name, so that no worker is busy with it while small ones are left.
    write_pair(folder, "vast", 999, LARGE, 1e5)
    (folder / "LR" / "cut.tif").write_bytes((folder / "LR" / "small-000.tif").read_bytes()[:900])
    return folder


@pytest.fixture(scope="module")
def alone(scenes: Path, enlarging: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of single scenes."""
    folder, restorer = tmp_path_factory.mktemp("alone"), refsr.load(enlarging, device="cpu")
    for file in sorted((scenes / "LR").glob("[!c]*.tif")):
        ref = scenes / "Ref" / f"{file.stem}-ref.tif"
        restore_raster(restorer, file, [ref], folder / file.name, settings(enlarging, folder).options)
    return results(folder)


def results(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("[!.]*.tif") if ".blocks" not in str(file)}


@contextlib.contextmanager
def started(*words: object, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, all of which ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, words)], start_new_session=True, text=True, stdout=subprocess.DEVNULL,
        **{"stderr": subprocess.DEVNULL} | more,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.05)


def events(out: Path, *kinds: str) -> int:
    """Events of these kinds in the journal; without any, scenes and parts of scenes that are done."""
    journal = out / "journal.jsonl"
    return sum(line["event"] in (kinds or (DONE, BLOCKS)) for line in read_journal(journal)) if journal.exists() else 0


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A scheduler on loopback with two workers: its address, and its process."""
    file, here = folder / "scheduler.json", ("--host", "127.0.0.1")
    dashboard = ("--dashboard-address", "127.0.0.1:0")
    with started(
        "distributed.cli.dask_scheduler", *here, "--port", 0, "--scheduler-file", file, *dashboard
    ) as scheduler:
        until(file.exists, "the scheduler's start")
        address = json.loads(file.read_text())["address"]
        with started("distributed.cli.dask_worker", address, *here, "--nworkers", 2, "--nthreads", 1, "--no-dashboard"):
            yield address, scheduler


def command(scenes: Path, out: Path, model: Path, address: str) -> list[object]:
    words = ["refsr", "archive", scenes / "LR", "--refs", scenes / "Ref", "-o", out, "--model", model]
    words += ["--import", HERE / "enlarging.py", "--register", "none", "--range", 0, 255, "--tile", 32, "--clip"]
    return [*words, "--device", "cpu", "--scheduler", address]


def kill_a_worker(out: Path, after: int, generator: random.Random) -> None:
    """Kills one of this process's workers when so many parts are done."""
    until(lambda: events(out) >= after, "progress")
    workers = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
    generator.choice(workers).send_signal(signal.SIGKILL)


@pytest.mark.budget
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20 if EFFORT > 1 else 1))
def test_client_scheduler_and_worker_are_killed(scenes, model, alone, tmp_path, seed):
    generator, out, folder = random.Random(seed), tmp_path / "out", tmp_path / "gate"
    folder.mkdir()
    gate = Gate(folder)
    # The weights are those of `model`, which goes on with what was done.
    gated = write_enlarging(tmp_path / "gated.safetensors", gate=str(folder))

    def progress(count: int) -> bool:
        # One tile at a time, so that scenes are left when something is killed, however late this process gets to it.
        gate.let_one_through()
        return events(out) >= count

    with cluster(tmp_path) as (address, scheduler):
        words = command(scenes, out, gated, address)
        with started(*words):
            first = generator.randint(1, 4)
            until(lambda: progress(first), "progress of the first command")
        done = events(out)
        with started(*words, stderr=subprocess.PIPE) as client:
            # What the workers go on with for the first command waits for the second one, too.
            until(lambda: events(out, BEGUN) == 2, "the start of the second command")
            until(lambda: progress(done + 1), "progress of the second command")
            scheduler.kill()
            _, said = client.communicate(timeout=PATIENCE)
            assert client.returncode == 1
            assert "the scheduler is gone; what is done stays, and the same command does the rest" in said
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.tif")}
    killer = threading.Thread(target=kill_a_worker, args=(out, events(out) + generator.randint(1, 2), generator))
    killer.start()
    lines: list[str] = []
    counts = restore_archive(sources(scenes), settings(model, out), no_progress, lines.append, workers=2)
    killer.join()
    assert set(counts.aside) == {"cut"}
    assert counts.done == SMALL + 1
    made = results(out)
    assert {name: made[name] == alone[name] for name in alone} == dict.fromkeys(alone, True)
    assert set(made) == set(alone)
    # What was there was not made again.
    kept = {file: made for file, made in before.items() if file.exists()}
    assert kept == {file: file.stat().st_mtime_ns for file in kept}
    assert not list(out.rglob("*.blocks"))
    for file in made:
        with rasterio.open(out / "scenes" / Path(file).stem / file) as source:
            assert source.overviews(1) is not None
