"""Who may use the viewer: requests with the token, from its own page, under its own name.

The token stands in the address that the command prints. The first answer puts it in a cookie that scripts and other
sites cannot use, and the address without it is shown. `Host` must be one of the viewer's own names, so that a foreign
name that resolves to this machine is refused; `Origin`, where a browser sends one, must be the viewer's page.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from refsr.core.errors import UsageError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PATH = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?[\\/](?:[^\\/\n:,;'\"<>]+[\\/])+")
"""The folders of a path in a message."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "worker-src blob:; child-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page takes nothing from outside. The map's worker is made of its own script."""
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


@dataclass(frozen=True)
class Access:
    """The names under which the viewer is reached, its port and its token."""

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def address(self) -> str:
        """What is opened in the browser."""
        return f"http://{self._shown}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """Its name has the port: cookies of one machine are shared by all ports."""
        return f"refsr-view-{self.port}"

    @property
    def names(self) -> frozenset[str]:
        """Values of `Host` that are answered."""
        own = LOOPBACK if self.host in LOOPBACK else (*LOOPBACK, self._shown)
        return frozenset(f"{name}:{self.port}" for name in own)

    @property
    def _shown(self) -> str:
        return f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host


def guarded(inner: Application, access: Access) -> Application:
    """The application for those who may use it; others get a status and a sentence."""

    async def answer(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await inner(scope, receive, send)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = _refusal(headers, access)
        if refusal:
            await _plain(with_headers, 403, refusal)
        elif _same(_token_in_query(scope), access.token) and scope["path"] == "/" and scope["method"] == "GET":
            cookie = f"{access.cookie}={access.token}; Path=/; HttpOnly; SameSite=Strict"
            await _plain(with_headers, 303, "", ((b"location", b"/"), (b"set-cookie", cookie.encode())))
        elif not _same(_token_in_headers(headers, access), access.token):
            await _plain(with_headers, 401, "Open the address that refsr view printed: it holds the token.")
        else:
            await inner(scope, receive, with_headers)

    return answer


def without_paths(text: str) -> str:
    """A message in which files have their names and no folders."""
    return PATH.sub("", text)


def require_loopback(host: str, public: bool) -> None:
    """A UsageError for an address that other machines reach, unless that is asked for."""
    if host not in (*LOOPBACK, "::1") and not public:
        raise UsageError(
            f"--host {host}: other machines would reach the viewer; --public allows it, for whoever has the address"
        )


def _refusal(headers: Mapping[str, str], access: Access) -> str:
    if headers.get("host", "").lower() not in access.names:
        return "This name is not the viewer's."
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in {f"http://{name}" for name in access.names}:
        return "Requests from other pages are refused."
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "Requests from other pages are refused."
    return ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _token_in_query(scope: Scope) -> str:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return str(query.get("token", [""])[0])


def _token_in_headers(headers: Mapping[str, str], access: Access) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "token":
        return given
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(access.cookie)
    except CookieError:
        return ""
    return "" if found is None else str(found.value)


async def _plain(send: Send, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    body = text.encode()
    about = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*about, (b"cache-control", b"no-store"), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})
