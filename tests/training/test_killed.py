"""A run that is killed, at any moment and as often as one likes, ends with the same bits."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refsr.runs.run_folder import checkpoint_steps

NITER = 40
WORDS = [f"train.niter={NITER}", "logger.save_checkpoint_freq=1", "logger.print_freq=1", "logger.keep_last=2"]
WORDS += ["train.val_freq=5", "logger.best_by=psnr"]
LONGEST_WAIT = 1800
"""Seconds after which a run counts as hanging, on however busy a machine."""


def begun(file: Path, *words: str, iterations: int = 1) -> tuple[subprocess.Popen[str], float]:
    """A training process that has taken some iterations or ended, and the seconds that its last one took."""
    command = [sys.executable, "-m", "refsr", "train", str(file), *WORDS, *words]
    run = subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stderr is not None
    times = [time.monotonic()]
    for line in run.stderr:
        if line.startswith("iteration") and line.split()[1].endswith(f"/{NITER}"):
            times.append(time.monotonic())
            if len(times) > iterations:
                break
    return run, times[-1] - times[-2] if len(times) > 2 else 0.0


def final(root: Path) -> dict[str, bytes]:
    folder = root / "experiments" / "small" / "checkpoints" / str(NITER)
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


def killed_until_done(file: Path, root: Path, kills: int, seed: int) -> int:
    """Kills the run `kills` times and resumes it each time; how often this was in the middle of saving."""
    draw, caught, halves = random.Random(seed), 0, 0
    folder = root / "experiments" / "small"
    while caught < kills:
        # The moment is drawn in iterations, so that it does not depend on the machine's speed. Workers vary as well.
        run, pace = begun(
            file, "path.auto_resume=true", f"datasets.train.n_workers={caught % 3}", iterations=draw.randint(1, 3)
        )
        time.sleep(draw.uniform(0, 2) * pace)
        killed = run.poll() is None
        if killed:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        run.stderr.close()
        found = checkpoint_steps(folder / "checkpoints")
        assert found[-2:] == sorted(found[-2:])
        if not killed:
            shutil.rmtree(folder)
            continue
        caught += 1
        halves += bool(list((folder / "checkpoints").glob(".*.part")))
    run, _ = begun(file, "path.auto_resume=true")
    run.communicate(timeout=LONGEST_WAIT)
    assert run.returncode == 0
    return halves


def uninterrupted(file: Path, root: Path) -> dict[str, bytes]:
    run, _ = begun(file)
    run.communicate(timeout=LONGEST_WAIT)
    assert run.returncode == 0
    whole = final(root)
    assert set(whole) == {"G.safetensors", "G_ema.safetensors", "G.optimiser.safetensors"}
    return whole


def test_killed_twice_it_ends_with_the_same_bits(option_file, options):
    root = options().path.root
    whole = uninterrupted(option_file, root)
    (root / "experiments" / "small").rename(root / "whole")
    killed_until_done(option_file, root, 2, seed=0)
    assert final(root) == whole


@pytest.mark.slow
def test_killed_at_twenty_random_moments(option_file, options):
    root = options().path.root
    whole = uninterrupted(option_file, root)
    (root / "experiments" / "small").rename(root / "whole")
    halves = killed_until_done(option_file, root, 20, seed=1)
    assert final(root) == whole
    assert halves
