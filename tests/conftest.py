"""What all tests share: two threads at most, and the folder of real images where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent

# Two workers on two cores: one thread each, or they fight.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images that checks may use; a test that asks for it is skipped where it is absent."""
    folder = Path(os.environ.get("REFSR_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} of real images (REFSR_SHARED names it)")
    return folder
