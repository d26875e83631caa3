"""Axes of charts: values to pixels, and ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ChartAxis:
    """From `low` to `high` in values, from `start` to `end` in pixels."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    whole: bool = False
    """Whether its ticks are whole numbers, as iterations are."""

    def place(self, value: float) -> float:
        """The pixel of a value."""
        low, high, at = self.low, self.high, value
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside the axis, about as many as wanted."""
        if self.logarithmic:
            return _decades(self.low, self.high, wanted)
        return _even(self.low, self.high, wanted, 1.0 if self.whole else 0.0)


def spanning(
    values: Sequence[float],
    start: float,
    end: float,
    *,
    padding: float = 0.06,
    include: float | None = None,
    logarithmic: bool = False,
    whole: bool = False,
) -> ChartAxis:
    """An axis that contains all values, with a margin at both ends; `whole` keeps its ticks to whole numbers."""
    low, high = min(values), max(values)
    if include is not None:
        low, high = min(low, include), max(high, include)
    if logarithmic:
        margin = (high / low) ** padding if high > low else 1.5
        return ChartAxis(low / margin, high * margin, start, end, True)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # The one whole number is the only tick.
        margin = 0.5 if whole else abs(high) * 0.05 or 1.0
        return ChartAxis(low - margin, high + margin, start, end, whole=whole)
    margin = (high - low) * padding
    low, high = (low if low == include else low - margin), (high if high == include else high + margin)
    return ChartAxis(low, high, start, end, whole=whole)


def wants_logarithm(values: Sequence[float], ratio: float) -> bool:
    """Whether to use a logarithmic axis: all values positive, and the largest at least `ratio` times the median."""
    return min(values) > 0 and max(values) >= ratio * sorted(values)[len(values) // 2]


def _even(low: float, high: float, wanted: int, least: float) -> list[float]:
    """Ticks at a round distance, which is a multiple of `least` unless that is 0."""
    rough = max((high - low) / max(wanted, 1), least)
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9)]
    step = next(step for step in steps if not least or step % least == 0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Twelve digits: 3 * 0.1 is to be 0.3.
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _decades(low: float, high: float, wanted: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1,) if last - first > 3 else (1, 2, 5)
    every = max(1, math.ceil((last - first) / max(wanted, 1)))
    found = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    return [value for value in found if low <= value <= high]
