"""Checks of constructors' keywords, which are what an option file says of a network."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from refsr.core.errors import UsageError, suggestion

Around = Literal["zero", "enlarged"]
AROUND = ("zero", "enlarged")
"""What a result is counted from: nothing, or LR at the result's size."""


def require_least(network: str, least: int, **keywords: float) -> None:
    """A UsageError that names the first keyword below `least`."""
    for name, value in keywords.items():
        if value < least:
            raise UsageError(f"{network}: {name} is {value}, expected {least} or more")


def require_known(network: str, known: Collection[str], **keywords: str) -> None:
    """A UsageError that names the first keyword whose word is not among the known ones, and the nearest of them."""
    for name, word in keywords.items():
        if word not in known:
            hint = suggestion(str(word), known)
            raise UsageError(f"{network}: {name} {word!r} is not known{hint} (known: {', '.join(known)})")
