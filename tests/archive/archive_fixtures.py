"""The network that only enlarges, by its name, and a client in the place of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import made_archives
import pytest

from refsr.archive import restore_archive


@pytest.fixture(scope="module")
def enlarging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model file of it; its name is known to one module of tests at a time."""
    with made_archives.with_enlarging():
        yield made_archives.write_enlarging(tmp_path_factory.mktemp("model") / "enlarging.safetensors")


@pytest.fixture
def immediate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., made_archives.ImmediateClient]:
    """Puts a client that does each task at once in the place of a cluster."""

    def put(*arguments: Any) -> made_archives.ImmediateClient:
        client = made_archives.ImmediateClient(*arguments)
        monkeypatch.setattr(restore_archive, "connected", lambda *_: contextlib.nullcontext(client))
        return client

    return put
