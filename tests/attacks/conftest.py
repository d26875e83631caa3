"""What attacks share: the bundled network on the CPU."""

from __future__ import annotations

import pytest

import refsr
from refsr.inference.restorer import Restorer


@pytest.fixture(scope="session")
def restorer() -> Restorer:
    return refsr.load("rrsnet-small-x4", device="cpu")
