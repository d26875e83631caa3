"""What attacks share: the bundled network, and a process in which the command runs and is disturbed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from restore_process import Commands

import refsr
from refsr.inference.restorer import Restorer


@pytest.fixture(scope="session")
def restorer() -> Restorer:
    return refsr.load("rrsnet-small-x4", device="cpu")


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    made = Commands()
    yield made
    made.close()
