"""HTML from Python: text is escaped unless it is `Html`, so names of files and runs cannot become markup."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

VOID = frozenset({"br", "hr", "img", "input", "meta"})


class Html(str):
    """Markup, which is not escaped."""

    __slots__ = ()


Child = object
"""Html as it is; None nothing; a list its parts; everything else its text, escaped."""


def tag(name: str, *children: Child, **attributes: object) -> Html:
    """An element: `class_` is `class`, `data_image` is `data-image`; None and False leave an attribute out."""
    opening = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Children in sequence."""
    return Html("".join(_text(child) for child in children))


def data(value: Any) -> str:
    """A value as JSON for an attribute; NaN and infinity become null."""
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def raw(markup: str) -> Html:
    """Markup that comes from our own files."""
    return Html(markup)


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, list | tuple):
        return join(child)
    return html.escape(str(child))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
