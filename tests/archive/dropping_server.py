"""A server of a folder's files that hangs up on some requests, in a process of its own.

GDAL waits for its answer while it keeps Python's other threads from running: a server in them would never answer.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DroppingServer:
    """The address of a running server, and how many of the next requests it hangs up on (`drops.value`)."""

    address: str
    drops: Any


class Handler(BaseHTTPRequestHandler):
    """Answers requests for ranges of bytes."""

    protocol_version = "HTTP/1.1"
    folder: Path
    drops: Any

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, body: bool = True) -> None:
        with self.drops.get_lock():
            dropped = self.drops.value > 0
            self.drops.value -= dropped
        if dropped:
            self.close_connection = True
            return
        file = self.folder / Path(self.path).name
        if not file.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = file.read_bytes()
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(wanted[1]), int(wanted[2] or len(content) - 1)) if wanted else (0, len(content) - 1)
        part = content[first : last + 1]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
        self.end_headers()
        if body:
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


def serve(folder: Path, port: Any, drops: Any) -> None:
    """Serves on loopback until the process is ended; the port goes through a pipe."""
    Handler.folder, Handler.drops = folder, drops
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port.send(server.server_port)
        server.serve_forever()


@contextlib.contextmanager
def dropping_server(folder: Path) -> Iterator[DroppingServer]:
    """Serves the files of a folder as long as the block runs."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    drops = context.Value("i", 0)
    process = context.Process(target=serve, args=(folder, there, drops), daemon=True)
    process.start()
    try:
        assert here.poll(120)
        yield DroppingServer(f"http://127.0.0.1:{here.recv()}", drops)
    finally:
        process.terminate()
        process.join()
