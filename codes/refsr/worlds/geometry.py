"""Where the sun stands, and from where the sensor sees the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SunPosition:
    """Where the sun stands, in degrees; azimuth from north, clockwise, north being up."""

    azimuth: float
    elevation: float


@dataclass(frozen=True)
class ViewingGeometry:
    """The line of sight in degrees: tall objects lean towards `azimuth`, and more the larger `off_nadir` is."""

    azimuth: float = 0.0
    off_nadir: float = 0.0


def direction(azimuth: float) -> tuple[float, float]:
    """(row, column) of a step of one towards an azimuth."""
    angle = np.radians(azimuth)
    return -float(np.cos(angle)), float(np.sin(angle))
