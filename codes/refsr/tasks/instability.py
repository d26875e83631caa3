"""Instabilities of training: signs that it diverges, and the monitor that reports them from the logged iterations."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

WINDOW = 10
"""Logged iterations in a row that show an instability before it is reported; it is over when at most half do."""
HISTORY = 100
"""Logged iterations whose median is the usual gradient norm."""
SURGE = 100.0
"""Multiple of the usual gradient norm above which a gradient counts as blown up."""

Numbers = Mapping[str, float]
"""An iteration's losses and statistics under their logged names."""


@dataclass(frozen=True)
class Instability:
    """One way in which training goes wrong for a while, such as a discriminator that wins too easily."""

    name: str
    what: str
    """What is observed, with its threshold."""
    advice: str
    """What to try."""
    holds: Callable[[Numbers], bool | None]
    """Whether an iteration shows it; None where its numbers do not say."""


@runtime_checkable
class Monitored(Protocol):
    """A task that knows the instabilities of its training."""

    def instabilities(self) -> Sequence[Instability]:
        """Those to monitor under its options."""


class InstabilityMonitor:
    """Reports each instability when it has held for a while and when it is over; a resumed run starts anew."""

    def __init__(self, instabilities: Sequence[Instability], networks: Sequence[str]) -> None:
        self._instabilities = instabilities
        self._usual: Mapping[str, deque[float]] = {key: deque(maxlen=HISTORY) for key in networks}
        surges = [_gradient_surge(key) for key in networks]
        self._history: dict[str, deque[bool]] = {one.name: deque(maxlen=WINDOW) for one in (*instabilities, *surges)}
        self._surges = dict(zip(networks, surges, strict=True))
        self._reported: set[str] = set()

    def update(self, numbers: Numbers, norms: Mapping[str, float]) -> Iterator[str]:
        """Log lines after an iteration with these losses and gradient norms: what began, and what is over."""
        for instability in self._instabilities:
            yield from self._report(instability, instability.holds(numbers))
        for key, norm in norms.items():
            if key in self._surges:
                yield from self._report(self._surges[key], self._surging(key, norm))

    def _surging(self, key: str, norm: float) -> bool | None:
        """Whether a norm is far above the usual one; such a norm does not count towards the usual one."""
        usual = self._usual[key]
        surging = norm > SURGE * statistics.median(usual) if len(usual) >= WINDOW else None
        if not surging:
            usual.append(norm)
        return surging

    def _report(self, instability: Instability, held: bool | None) -> Iterator[str]:
        if held is None:
            return
        name, history = instability.name, self._history[instability.name]
        history.append(held)
        if name not in self._reported and len(history) == WINDOW and all(history):
            self._reported.add(name)
            yield f"{name}: {instability.what} in {WINDOW} logged iterations in a row; {instability.advice}"
        elif name in self._reported and sum(history) <= WINDOW // 2:
            self._reported.discard(name)
            yield f"{name}: over"


def _gradient_surge(key: str) -> Instability:
    return Instability(
        f"gradient of {key} blown up",
        f"its norm is over {SURGE:.0f} times the median of earlier ones",
        f"try train.clip_grad_norm, a smaller lr_{key.split('_')[0]}, or resuming from an earlier checkpoint",
        lambda numbers: None,
    )
