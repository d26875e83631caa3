"""What shows that training comes apart, as a task knows it; the engine asks at every iteration that is logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Numbers = Mapping[str, float]
"""An iteration's losses and what was shown beside them, under their logged names."""


@dataclass(frozen=True)
class Instability:
    """A thing that goes wrong for a while, such as a judge that wins too easily."""

    name: str
    what: str
    """What is seen, with its threshold."""
    advice: str
    """What to try."""
    holds: Callable[[Numbers], bool | None]
    """Whether it is seen in an iteration; None where the iteration says nothing of it."""


@runtime_checkable
class Monitored(Protocol):
    """A task that knows by which signs its training comes apart."""

    def signs(self) -> Sequence[Instability]:
        """The signs under its options."""
