"""What can be chosen for a registration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refsr.core.errors import UsageError, suggestion
from refsr.registration.transforms import Transform

Mode = Literal["auto", "global", "local", "none"]
MODES: tuple[Mode, ...] = ("auto", "global", "local", "none")


@dataclass(frozen=True)
class RegistrationOptions:
    """How far apart LR and Ref may lie, and how closely Ref is brought to LR."""

    mode: Mode = "auto"
    """`global`: an affine transform; `local`: a displacement field on top; `auto`: the field where it makes LR and Ref
    more alike; `none`: Ref stays where it is assumed."""
    start: Transform | None = None
    """Where HR's pixels (x, y) are assumed in Ref, (2, 3); by default the frames agree. A georeference gives one."""
    reach: float | None = None
    """Largest shift from there in HR pixels; by default 0.15 of LR's longer side."""
    turn: float = 7.5
    """Largest turn in degrees, either way."""
    scales: tuple[float, float] = (0.72, 1.38)
    """Smallest and largest scale."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"registration {self.mode!r} is none of {', '.join(MODES)}{suggestion(self.mode, MODES)}")
        if self.start is not None:
            start = np.asarray(self.start, np.float64)
            if start.shape != (2, 3) or not np.isfinite(start).all() or abs(np.linalg.det(start[:, :2])) < 1e-9:
                raise UsageError(f"start is no transform of shape (2, 3): {self.start}")
        if self.reach is not None and not (math.isfinite(self.reach) and self.reach >= 0):
            raise UsageError(f"reach {self.reach} is not a number of pixels from 0 on")
        if not 0 <= self.turn <= MOST_TURN:
            raise UsageError(f"turn {self.turn} is out of range, 0 to {MOST_TURN} degrees is allowed")
        low, high = self.scales
        if not LEAST_SCALE <= low <= 1 <= high <= 1 / LEAST_SCALE:
            raise UsageError(f"scales {low} to {high}: expected to hold 1, from {LEAST_SCALE} to {1 / LEAST_SCALE}")

    @staticmethod
    def georeferenced(start: Transform | None = None, reach: float = 40.0) -> RegistrationOptions:
        """For a reference that a georeference laid on LR's grid: nothing but a shift and small slopes is left."""
        return RegistrationOptions(start=start, reach=reach, turn=0.0, scales=(1.0, 1.0))

    def turns_searched(self, step: float = 3.0) -> tuple[float, ...]:
        """Turns that a search tries; what lies between is refined."""
        count = round(self.turn / step)
        return tuple(step * number for number in range(-count, count + 1))

    def scales_searched(self, step: float = 1.06) -> tuple[float, ...]:
        """Scales that a search tries."""
        low, high = (round(math.log(limit) / math.log(step)) for limit in self.scales)
        return tuple(step**number for number in range(low, high + 1))


MOST_TURN = 45.0
LEAST_SCALE = 0.25
