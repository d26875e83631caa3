"""What only POSIX systems have is not needed: modules, signals and flags are taken away before refsr is imported.

No test has run on Windows or macOS itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from refsr.data.images import read_image, write_image

WITHOUT = """
import importlib, os, pkgutil, signal, sys
# Libraries find what the system has when they are imported.
import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker, subprocess, tempfile
import torch.utils.data
import cv2, filelock, lmdb

multiprocessing.resource_tracker._HAVE_SIGMASK = False

for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "geteuid"):
    delattr(os, name)
for name in ("SIGHUP", "SIGALRM", "alarm", "pthread_sigmask"):
    delattr(signal, name)
"""
IMPORTS = """
import refsr
found = [module.name for module in pkgutil.walk_packages(refsr.__path__, "refsr.") if module.name != "refsr.__main__"]
assert len(found) > 200
for name in found:
    importlib.import_module(name)
"""
COMMAND = """
from refsr.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def without_posix(code: str, *words: str) -> str:
    """What a process prints that runs `code` where the system has less."""
    child = [sys.executable, "-c", WITHOUT + code, *words]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(child, capture_output=True, text=True, env=surroundings, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_is_imported() -> None:
    without_posix(IMPORTS)


def test_images_are_packed_and_restored(tmp_path: Path) -> None:
    for number in range(2):
        image = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        write_image(tmp_path / "LR" / f"{number}.png", image)
    assert "2 packed" in without_posix(COMMAND, "pack", str(tmp_path / "LR"), str(tmp_path / "LR.lmdb"))
    words = ["restore", "--lr", str(tmp_path / "LR"), "-o", str(tmp_path / "SR"), "--model", "refsr-x4-fast"]
    assert "2 restored" in without_posix(COMMAND, *words)
    assert read_image(tmp_path / "SR" / "0.png").shape == (128, 128, 3)
    assert not list(tmp_path.glob("**/.*.part"))


def test_a_run_is_trained(tmp_path: Path) -> None:
    for number in range(4):
        image = np.random.default_rng(number).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        write_image(tmp_path / "HR" / f"{number}.png", image)
    file = tmp_path / "small.yml"
    file.write_text(f"""
name: small
model: regression
scale: 4
gpu_ids: []
datasets:
  train: {{mode: single, dataroot_GT: {tmp_path / "HR"}, lr: from_hr, n_workers: 1, batch_size: 2, GT_size: 32}}
network_G: {{which_model_G: EDSR, nf: 8, n_blocks: 1}}
path: {{root: {tmp_path / "exp"}}}
train: {{niter: 2, val_freq: 0}}
""")
    without_posix(COMMAND, "train", str(file))
    assert (tmp_path / "exp" / "experiments" / "small" / "checkpoints" / "2").is_dir()
