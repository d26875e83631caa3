"""A run that is killed, at any moment and as often as one likes, ends with the same bits."""

from __future__ import annotations

import os
import random
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


def begun(file: Path, *words: str) -> subprocess.Popen[str]:
    """A training process that has taken a step or ended."""
    command = [sys.executable, "-m", "refsr", "train", str(file), *WORDS, *words]
    run = subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("iteration"):
            break
    return run


def final(root: Path) -> dict[str, bytes]:
    folder = root / "experiments" / "small" / "checkpoints" / str(NITER)
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


def killed_until_done(file: Path, root: Path, kills: int, seed: int) -> int:
    """Kills the run `kills` times, each time going on, starting anew when it was done; how often in a half save."""
    draw, caught, halves = random.Random(seed), 0, 0
    checkpoints = root / "experiments" / "small" / "checkpoints"
    while caught < kills:
        # Workers come and go as well.
        run = begun(file, "path.auto_resume=true", f"datasets.train.n_workers={caught % 3}")
        time.sleep(draw.uniform(0, 0.25))
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            caught += 1
            halves += bool(list(checkpoints.glob(".*.part")))
        run.wait()
        run.stderr.close()
        assert checkpoint_steps(checkpoints)[-2:] == sorted(checkpoint_steps(checkpoints)[-2:])
    run = begun(file, "path.auto_resume=true")
    assert run.communicate(timeout=120) is not None
    assert run.returncode == 0
    return halves


def uninterrupted(file: Path, root: Path) -> dict[str, bytes]:
    run = begun(file)
    run.communicate(timeout=120)
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
