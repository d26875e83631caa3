"""Training that comes apart is told: each sign once when it has held for a while, and once when it is over."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from refsr.tasks.watching import Instability, Numbers

WINDOW = 10
"""Logged iterations in a row that show a sign before it is told; it is over when half of as many do."""
HISTORY = 100
"""Logged iterations whose median is the usual norm of a gradient."""
SURGE = 100.0
"""How many times the usual norm a gradient may have."""


class InstabilityMonitor:
    """Looks at logged iterations; what it remembers begins anew when a run goes on."""

    def __init__(self, signs: Sequence[Instability], networks: Sequence[str]) -> None:
        self._signs = signs
        self._usual: Mapping[str, deque[float]] = {key: deque(maxlen=HISTORY) for key in networks}
        surges = [_surge(key) for key in networks]
        self._seen: dict[str, deque[bool]] = {one.name: deque(maxlen=WINDOW) for one in (*signs, *surges)}
        self._surges = dict(zip(networks, surges, strict=True))
        self._told: set[str] = set()

    def look(self, numbers: Numbers, norms: Mapping[str, float]) -> Iterator[str]:
        """Lines to tell after an iteration: what began, and what is over."""
        for sign in self._signs:
            yield from self._noted(sign, sign.holds(numbers))
        for key, norm in norms.items():
            if key in self._surges:
                yield from self._noted(self._surges[key], self._surging(key, norm))

    def _surging(self, key: str, norm: float) -> bool | None:
        """A norm that is too long does not become the usual one."""
        usual = self._usual[key]
        surging = norm > SURGE * statistics.median(usual) if len(usual) >= WINDOW else None
        if not surging:
            usual.append(norm)
        return surging

    def _noted(self, sign: Instability, held: bool | None) -> Iterator[str]:
        if held is None:
            return
        seen = self._seen[sign.name]
        seen.append(held)
        if sign.name not in self._told and len(seen) == WINDOW and all(seen):
            self._told.add(sign.name)
            yield f"{sign.name}: {sign.what} in {WINDOW} logged iterations in a row; {sign.advice}"
        elif sign.name in self._told and sum(seen) <= WINDOW // 2:
            self._told.discard(sign.name)
            yield f"{sign.name}: over"


def _surge(key: str) -> Instability:
    return Instability(
        f"gradient of {key} blown up",
        f"its norm is over {SURGE:.0f} times the median of earlier ones",
        f"try train.clip_grad_norm, a smaller lr_{key.split('_')[0]}, or going on from an earlier checkpoint",
        lambda numbers: None,
    )
