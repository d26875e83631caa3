"""The compiled operator for tests: built once into a temporary folder, whatever the number of workers."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from refsr.ops import native

SETUP = Path(__file__).resolve().parents[2] / "codes" / "ops_dcn_v3" / "setup.py"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> native.Native:
    """The compiled back-end in use: that which is installed if it fits, else one built for these tests.

    REFSR_DCNV3_FLAGS goes to the build, such as --sanitize.
    """
    flags = os.environ.get("REFSR_DCNV3_FLAGS", "").split()
    if native.LIBRARY.reason is None:
        assert not flags, f"REFSR_DCNV3_FLAGS {flags}: a build without them is in place and loaded"
        return native.LIBRARY
    if not any(map(shutil.which, ("g++", "c++", "clang++"))):
        pytest.skip("no C++ compiler")
    base = tmp_path_factory.getbasetemp()
    # Workers have a folder each below one that they share.
    folder = (base.parent if base.name.startswith("popen-") else base) / "dcnv3"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "refsr_dcnv3.json").exists():
            # Compiling for GPUs takes minutes: only where one can run it.
            parts = [] if torch.cuda.is_available() else ["--cpu-only"]
            command = [sys.executable, str(SETUP), *parts, "--output", str(folder), *flags]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    found = native.load(folder)
    assert found.reason is None
    # For the whole session: torch cannot unload a library either.
    native.LIBRARY = found
    return found
