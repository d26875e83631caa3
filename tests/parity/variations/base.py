"""Shipped cases with some of their entries exchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from refsr.interop.weights.conversion import in_published_form

CASES = Path(__file__).resolve().parents[1]

Rows = list[list[Any]]


@dataclass
class Variation:
    """A shipped case with some entries of its configuration and inputs exchanged."""

    base: str
    config: Mapping[str, Any] = field(default_factory=dict)
    """Entries that take the place of the case's own; None takes one away."""
    inputs: Mapping[str, Sequence[int] | None] = field(default_factory=dict)
    """Shapes of inputs; None takes one away."""
    state: Callable[[], Rows] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Other entries of case.json."""
    asked: Sequence[str] | None = None
    """None: what the case asks for."""


def rows(module: nn.Module, keys: Mapping[str, str], prefix: str = "", transposed: str | None = None) -> Rows:
    """A module's state as a case lists it."""
    state = module.state_dict()
    return [
        [prefix + theirs, list(in_published_form(state[ours], theirs, transposed).shape)]
        for ours, theirs in keys.items()
    ]


def layout_rows(layout: Mapping[str, Sequence[int]], prefix: str = "") -> Rows:
    return [[prefix + key, list(shape)] for key, shape in layout.items()]


def without(name: str, *prefixes: str) -> Callable[[], Rows]:
    """The state of a shipped case without the entries below some prefixes."""
    meta = json.loads((CASES / name / "case.json").read_text())
    return lambda: [row for row in meta["state"] if not row[0].startswith(prefixes)]


def below(prefix: str, state: Rows) -> Rows:
    return [[prefix + key, shape] for key, shape in state]
