"""What stands on the ground of a scene on one date, drawn as numbered objects on a fine grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from refsr.worlds.frame import Frame, Points, Rect
from refsr.worlds.materials import INDEX

# Metres by which crowns and hedges may reach beyond their block.
OVERHANG = 6.0
# Fractional bits of cv2's polygon corners: sixteenths of a fine pixel.
SHIFT = 4

Tint = tuple[float, float, float]
PLAIN: Tint = (1.0, 1.0, 1.0)


@dataclass
class Roof:
    """The body under a polygon: walls up to the eaves, and a roof over its own rectangle."""

    centre: tuple[float, float]
    angle: float
    half_u: float
    half_v: float
    eaves: float
    rise: float = 0.0
    shape: int = 0
    """0 flat, 1 gable with its ridge along u, 2 hip."""


@dataclass
class Rows:
    """Parallel lines on a surface: crop rows, mowing stripes, roof sheets."""

    angle: float
    spacing: float
    strength: float
    phase: float = 0.0


@dataclass
class Canvas:
    """Numbered objects on a fine grid; what is drawn later covers what was drawn before."""

    frame: Frame
    size: int
    """Fine pixels a side."""
    objects: npt.NDArray[np.int32] = field(init=False)
    material: list[int] = field(default_factory=list)
    tint: list[Tint] = field(default_factory=list)
    roofs: dict[int, Roof] = field(default_factory=dict)
    rows: dict[int, Rows] = field(default_factory=dict)
    lift: npt.NDArray[np.float32] = field(init=False)
    """Height in metres of what is no roof: crowns, hedges, cars."""

    def __post_init__(self) -> None:
        self.objects = np.zeros((self.size, self.size), np.int32)
        self.lift = np.zeros((self.size, self.size), np.float32)

    def shows(self, rect: Rect) -> bool:
        """Whether anything of a rectangle of the plan may lie on the canvas."""
        corners = self.frame.map(rect.outline())
        margin = OVERHANG / self.frame.fine
        return bool((corners.max(axis=0) > -margin).all() and (corners.min(axis=0) < self.size + margin).all())

    def add_object(self, material: str, tint: Tint = PLAIN, rows: Rows | None = None, roof: Roof | None = None) -> int:
        """A new number for something of this material."""
        number = len(self.material)
        self.material.append(INDEX[material])
        self.tint.append(tint)
        if rows is not None:
            self.rows[number] = rows
        if roof is not None:
            self.roofs[number] = roof
        return number

    def draw(self, points: Any, number: int, height: float = 0.0) -> None:
        """Fills a polygon given in plan metres."""
        self.draw_pixels(self.frame.map(points), number, height)

    def draw_pixels(self, corners: Points, number: int, height: float = 0.0) -> None:
        """Fills a polygon given in fine pixels."""
        fixed = np.round((corners - 0.5) * (1 << SHIFT)).astype(np.int32)
        low, high = fixed.min(axis=0) >> SHIFT, (fixed.max(axis=0) >> SHIFT) + 1
        if (high < 0).any() or (low >= self.size).any():
            return
        cv2.fillPoly(self.objects, [fixed], number, cv2.LINE_8, SHIFT)
        cv2.fillPoly(self.lift, [fixed], height, cv2.LINE_8, SHIFT)

    def paint(
        self, points: Any, material: str, tint: Tint = PLAIN, rows: Rows | None = None, height: float = 0.0
    ) -> int:
        """Draws a new object and returns its number."""
        number = self.add_object(material, tint, rows)
        self.draw(points, number, height)
        return number

    def stamp(self, centre: tuple[float, float], bump: npt.NDArray[np.float32], number: int) -> None:
        """Raises a round object, such as a crown, where its height (n, n) stands above what is there."""
        n = len(bump)
        left, top = (round(c - n / 2) for c in centre)
        r0, r1, c0, c1 = max(top, 0), min(top + n, self.size), max(left, 0), min(left + n, self.size)
        if r0 >= r1 or c0 >= c1:
            return
        part = bump[r0 - top : r1 - top, c0 - left : c1 - left]
        lift = self.lift[r0:r1, c0:c1]
        above = part > lift
        lift[above] = part[above]
        self.objects[r0:r1, c0:c1][above] = number
