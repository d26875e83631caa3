"""Runs the viewer until it is stopped: a free port of loopback, and the browser opened on it."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from refsr.core.errors import RefsrError, UsageError
from refsr.view.app import application
from refsr.view.safety import Access
from refsr.view.state import State

NEEDED = ("rio_tiler", "starlette", "uvicorn", "rasterio")
OLDEST = (3, 11)


def require_packages() -> None:
    """A RefsrError where the extra `view` is missing, or Python is older than rio-tiler wants."""
    if sys.version_info < OLDEST:
        have = ".".join(map(str, sys.version_info[:2]))
        raise RefsrError(f"refsr view needs Python 3.11 or newer, as rio-tiler does; this is {have}")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise RefsrError(f"refsr view needs {', '.join(missing)}; pip install 'refsr[view]'")


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on a port, 0 for any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host.strip("[]"), port))
        # From now on connections wait for the server.
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"--port {port}: {host} cannot be listened on: {reason}; --port 0 takes a free one") from error
    return found


@contextlib.contextmanager
def served(state: State, host: str = "127.0.0.1", port: int = 0) -> Iterator[Access]:
    """The viewer in a thread, for the block; gives the address under which it is reached."""
    with contextlib.closing(bound_socket(host, port)) as listening:
        access = Access(host, listening.getsockname()[1])
        server = _server(state, access)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield access
        finally:
            server.should_exit = True
            thread.join()


def serve(state: State, host: str, port: int, started: Callable[[Access], None]) -> None:
    """Serves until Ctrl-C; `started` is called once the port is open."""
    with served(state, host, port) as access:
        started(access)
        threading.Event().wait()


def _server(state: State, access: Access) -> Any:
    import uvicorn

    settings = uvicorn.Config(
        application(state, access),
        log_level="critical", access_log=False, server_header=False, lifespan="off",
        limit_concurrency=128, timeout_graceful_shutdown=1, ws="none",
    )  # fmt: skip
    return uvicorn.Server(settings)
