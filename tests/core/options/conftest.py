"""A right option file that tests break in one place each."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.names import NAMES

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def good() -> str:
    return (HERE / "good.yml").read_text()


@pytest.fixture(autouse=True)
def _nothing_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of networks must not change what these tests say; those about networks bring their own."""
    table = NAMES["network"]
    spellings = {name: place for name, place in table.items() if place is not None and ":" not in place}
    monkeypatch.setitem(NAMES, "network", dict.fromkeys(table) | spellings)
