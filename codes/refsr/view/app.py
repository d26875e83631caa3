"""The viewer's application: what the page asks for, each as a small function, behind the guard of `safety`."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from refsr.core.errors import RefsrError, UsageError, suggestion
from refsr.view.restoring import RestoreRequest
from refsr.view.safety import Access, Application, guarded, without_paths
from refsr.view.state import MOST_UPLOAD, State
from refsr.view.tiles import Look, tile_picture
from refsr.view.values import profile, values_at

LOG = logging.getLogger(__name__)

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MOST_BODY = 1 << 16
"""Bytes of a request in JSON."""
KEPT = "private, max-age=3600"
"""Tiles: their address has all that they depend on."""


def application(state: State, access: Access) -> Application:
    """The ASGI application of one viewer."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    pages = _assets()

    def asset(request: Any) -> Any:
        name = request.path_params.get("name", "index.html")
        if name not in pages:
            return _failed(UsageError(f"{name}: no such page"), 404)
        kind = TYPES[Path(name).suffix]
        return Response(pages[name], media_type=kind, headers={"cache-control": "no-cache"})

    def scene(request: Any) -> Any:
        workshop = state.workshop
        return JSONResponse(state.scene.described() | {"models": workshop.models, "model": workshop.default})

    def tile(request: Any) -> Any:
        at = request.path_params
        layer = state.scene.get(at["key"])
        plane = state.scene.plane
        window = plane.tile(at["zoom"], at["column"], at["row"])
        picture = tile_picture(plane, layer, window, _look(request.query_params))
        return Response(picture, media_type="image/png", headers={"cache-control": KEPT})

    def values(request: Any) -> Any:
        x, y = _numbers(request.query_params, "at", 2)
        return JSONResponse(values_at(state.scene, x, y))

    def line(request: Any) -> Any:
        keys = request.query_params.get("layers", "").split(",")
        return JSONResponse(profile(state.scene, _numbers(request.query_params, "line", 4), keys))

    def work(request: Any) -> Any:
        found = state.workshop.work
        return JSONResponse({"state": "none"} if found is None else found.described())

    def cancel(request: Any) -> Any:
        state.workshop.cancel()
        return work(request)

    async def begin(request: Any) -> Any:
        asked = _restore_request(await _body(request))
        return JSONResponse(state.workshop.begin(state.scene, asked).described())

    def remove(request: Any) -> Any:
        state.scene.remove(request.path_params["key"])
        return JSONResponse({})

    async def upload(request: Any) -> Any:
        role = request.path_params["role"]
        size = 0
        with state.upload_file(role).open("wb") as sink:
            async for part in request.stream():
                size += len(part)
                if size > MOST_UPLOAD:
                    break
                sink.write(part)
        if size > MOST_UPLOAD:
            state.upload_file(role).unlink()
            raise UsageError(f"the file has more than {MOST_UPLOAD >> 20} MiB; name it instead: refsr view --lr LR.tif")
        state.keep_upload(role, request.query_params.get("name", role))
        return JSONResponse({})

    def pair(request: Any) -> Any:
        state.show_pair()
        return scene(request)

    def example(request: Any) -> Any:
        state.show_example()
        return scene(request)

    api: list[tuple[str, Callable[[Any], Any], str]] = [
        ("/", asset, "GET"),
        ("/assets/{name}", asset, "GET"),
        ("/api/scene", scene, "GET"),
        ("/api/tiles/{key}/{zoom:int}/{column:int}/{row:int}", tile, "GET"),
        ("/api/values", values, "GET"),
        ("/api/profile", line, "GET"),
        ("/api/work", work, "GET"),
        ("/api/work", begin, "POST"),
        ("/api/work", cancel, "DELETE"),
        ("/api/layers/{key}", remove, "DELETE"),
        ("/api/uploads/{role}", upload, "PUT"),
        ("/api/pair", pair, "POST"),
        ("/api/example", example, "POST"),
    ]

    def failed(request: Any, error: Exception) -> Any:
        return _failed(error)

    def missing(request: Any, error: Exception) -> Any:
        return _failed(UsageError("no such address"), int(getattr(error, "status_code", 404)))

    routes = [Route(path, endpoint, methods=[method]) for path, endpoint, method in api]
    handlers: dict[Any, Any] = {RefsrError: failed, Exception: failed, 404: missing, 405: missing}
    inner: Any = Starlette(routes=routes, exception_handlers=handlers)
    return guarded(inner, access)


def _failed(error: Exception, status: int = 400) -> Any:
    """An error as the page takes it; of one that nobody foresaw, the log has more."""
    from starlette.responses import JSONResponse

    text = str(error)
    if not isinstance(error, RefsrError):
        LOG.error("%s: %s", type(error).__name__, error, exc_info=error)
        text, status = f"internal error: {type(error).__name__}; the terminal shows more", 500
    return JSONResponse({"error": without_paths(text)}, status_code=status, headers={"cache-control": "no-store"})


def _assets() -> dict[str, bytes]:
    """The files of the page by name; nothing else can be asked for."""
    folder = Path(str(resources.files("refsr") / "view" / "assets"))
    files = [*folder.iterdir(), *(folder / "vendor").iterdir()]
    return {file.name: file.read_bytes() for file in files if file.suffix in TYPES}


def _numbers(query: Any, name: str, count: int) -> list[float]:
    words = query.get(name, "").split(",")
    try:
        found = [float(word) for word in words]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        raise UsageError(f"{name}={','.join(words)[:60]}: expected {count} numbers")
    return found


def _look(query: Any) -> Look:
    bands = _numbers(query, "bands", len(query.get("bands", "").split(",")))
    if len(bands) not in (1, 3):
        raise UsageError(f"{len(bands)} bands are asked for; one is shown in grey, three in colour")
    ends = _numbers(query, "range", 2 * len(bands))
    ranges = tuple(zip(ends[::2], ends[1::2], strict=True))
    return Look(tuple(int(band) for band in bands), ranges, query.get("smooth") == "1")


async def _body(request: Any) -> Any:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BODY:
            raise UsageError("the request is too long")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise UsageError("the request is no JSON") from None


def _restore_request(given: Any) -> RestoreRequest:
    """What a request in JSON asks to restore."""
    known = [field.name for field in fields(RestoreRequest)]
    if not isinstance(given, dict):
        raise UsageError("expected an object of rectangle, model, reference, treatment, move, strength and register")
    for name in given:
        if name not in known:
            raise UsageError(f"{name!r} is not known{suggestion(str(name), known)}")
    try:
        return TypeAdapter(RestoreRequest).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "request"
        raise UsageError(f"{where}: {first['msg']}") from None
