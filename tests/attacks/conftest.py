"""What attacks share: the bundled network, and processes in which the command runs and is disturbed, or measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bounded import Bounded
from command_process import Commands

import refsr
from refsr.core import registry
from refsr.inference.restorer import Restorer


@pytest.fixture(autouse=True)
def mixing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.NAMES["network"], "Mixing", "mixing:Mixing")


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


@pytest.fixture(scope="session")
def bounded() -> Iterator[Bounded]:
    if not Path("/proc/self/statm").is_file():
        pytest.skip("needs fork and /proc")
    made = Bounded()
    yield made
    made.close()
