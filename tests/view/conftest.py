"""A running viewer, and requests to it as a program makes them. Tests are skipped where the extra `view` is missing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ground
import pytest

from refsr.view.opening import NamedFile
from refsr.view.safety import Access
from refsr.view.server import served
from refsr.view.state import State


@pytest.fixture(scope="session", autouse=True)
def extra_view() -> None:
    for name in ("rasterio", "rio_tiler", "starlette", "uvicorn"):
        pytest.importorskip(name, reason=f"{name} is missing: the extra view, Python 3.11 or newer")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Requests with the token, unless `headers` are given."""

    state: State
    access: Access
    answers: list[Answer] = field(default_factory=list)

    def __call__(
        self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.access.port, timeout=60)
        if headers is None:
            headers = {"Authorization": f"token {self.access.token}"}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        known = {name.lower(): value for name, value in answer.getheaders()}
        self.answers.append(Answer(answer.status, known, answer.read()))
        connection.close()
        return self.answers[-1]


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Starts viewers of named files, or of the bundled example; all are ended after the test."""
    running = []

    def start(*files: NamedFile, model: str | None = None) -> Client:
        state = State(model)
        state.__enter__()
        running.append(state)
        state.show(list(files)) if files else state.show_example()
        context = served(state)
        access = context.__enter__()
        running.append(context)
        return Client(state, access)

    yield start
    for one in reversed(running):
        one.__exit__(None, None, None)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """LR of 10 m, SR of 2.5 m on its grid, and a reference of 3 m in degrees and to one side, all of one ground."""
    lr = ground.write(tmp_path / "lr.tif", ground.north_up(10), 64, 48, dtype="uint16", nodata=0)
    sr = ground.write(tmp_path / "sr.tif", ground.north_up(2.5), 256, 192, dtype="uint16", nodata=0)
    degrees = ground.Affine(3.6e-5, 0, -111.0008, 0, -2.7e-5, 42.0022)
    ref = ground.write(tmp_path / "ref.tif", degrees, 300, 260, crs="EPSG:4326", dtype="uint8")
    return {"lr": lr, "sr": sr, "ref": ref}


@pytest.fixture
def named(places: dict[str, Path]) -> list[NamedFile]:
    return [NamedFile(role, str(places[role])) for role in ("sr", "lr", "ref")]
