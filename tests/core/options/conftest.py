"""A right option file that tests break in one place each."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.registry import NAMES

HERE = Path(__file__).parent


class AnyNetwork:
    """Takes whatever keywords a file has for it."""

    def __init__(self, **keywords: object) -> None:
        pass


@pytest.fixture(scope="session")
def good() -> str:
    return (HERE / "good.yml").read_text()


@pytest.fixture(autouse=True)
def _any_keywords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of networks must not change what these tests say; those about networks bring their own."""
    spellings = {name: place for name, place in NAMES["network"].items() if isinstance(place, str) and ":" not in place}
    monkeypatch.setitem(NAMES, "network", dict.fromkeys(NAMES["network"], AnyNetwork) | spellings)
