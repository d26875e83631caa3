"""The plan of a scene and the picture of it: metres along streets to pixels on the canvas, and shapes in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""(N, 2) positions: (u, v) metres in the plan, or (column, row) pixels."""


@dataclass(frozen=True)
class Rect:
    """A rectangle of the plan, in metres."""

    u0: float
    v0: float
    u1: float
    v1: float

    @property
    def width(self) -> float:
        return self.u1 - self.u0

    @property
    def height(self) -> float:
        return self.v1 - self.v0

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.u0 + self.u1) / 2, (self.v0 + self.v1) / 2

    def inset(self, margin: float) -> Rect:
        return Rect(self.u0 + margin, self.v0 + margin, self.u1 - margin, self.v1 - margin)

    def corners(self) -> Points:
        return np.array([(self.u0, self.v0), (self.u1, self.v0), (self.u1, self.v1), (self.u0, self.v1)])

    def part(self, along_u: bool, a0: float, b0: float, a1: float, b1: float) -> Rect:
        """A rectangle inside, given along u and across it, or along v, in metres from the corner."""
        if along_u:
            return Rect(self.u0 + a0, self.v0 + b0, self.u0 + a1, self.v0 + b1)
        return Rect(self.u0 + b0, self.v0 + a0, self.u0 + b1, self.v0 + a1)

    def sides(self, along_u: bool) -> tuple[float, float]:
        """Length along u and across it, or along v and across that."""
        return (self.width, self.height) if along_u else (self.height, self.width)

    def outline(self, step: float = 6.0) -> Points:
        """The border with a point every few metres, so that it bends with the streets."""
        return densify(self.corners(), step)


@dataclass(frozen=True)
class Frame:
    """Turns the plan by an angle, bends it gently, and scales it to fine canvas pixels."""

    angle: float
    centre: float
    """Middle of the canvas in metres; the plan's origin lies there."""
    fine: float
    """Metres a fine pixel."""
    waves: npt.NDArray[np.float64]
    """(K, 6): wave vector (u, v), phase, push (u, v), in metres, and a zero."""

    def map(self, points: Any) -> Points:
        """(N, 2) plan metres -> (N, 2) fine pixels as (column, row)."""
        plan = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        phase = plan @ self.waves[:, :2].T + self.waves[:, 2]
        bent = plan + np.sin(phase) @ self.waves[:, 3:5]
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turned = bent @ np.array([[cosine, sine], [-sine, cosine]])
        pixels: Points = (turned + self.centre) / self.fine
        return pixels

    def spot(self, u: float, v: float) -> tuple[float, float]:
        """One plan point as (column, row); for the thousands of trees, whose arrays would cost more than their sums."""
        bent_u, bent_v = u, v
        for wave_u, wave_v, phase, push_u, push_v, _ in self.waves.tolist():
            sway = math.sin(u * wave_u + v * wave_v + phase)
            bent_u += sway * push_u
            bent_v += sway * push_v
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        column, row = bent_u * cosine - bent_v * sine, bent_u * sine + bent_v * cosine
        return (column + self.centre) / self.fine, (row + self.centre) / self.fine

    def local(self, point: tuple[float, float]) -> tuple[Points, float]:
        """Where a plan point lies in fine pixels, and the angle of the plan's u axis there."""
        a, b = self.map([point, (point[0] + 1.0, point[1])])
        step = b - a
        return a, float(np.arctan2(step[1], step[0]))


def densify(corners: Points, step: float, closed: bool = True) -> Points:
    """Points along a line through `corners`, at most `step` apart."""
    ends = np.roll(corners, -1, axis=0) if closed else corners[1:]
    starts = corners if closed else corners[:-1]
    parts = []
    for a, b in zip(starts, ends, strict=True):
        count = max(1, int(np.ceil(np.hypot(*(b - a)) / step)))
        parts.append(a + (b - a) * (np.arange(count) / count)[:, None])
    if not closed:
        parts.append(corners[-1:])
    return np.concatenate(parts)


def turned(points: Any, centre: tuple[float, float], angle: float) -> Points:
    """Points around the origin, turned and moved to `centre`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    moved: Points = np.asarray(points, dtype=np.float64) @ np.array([[cosine, sine], [-sine, cosine]]) + centre
    return moved


def ellipse(centre: tuple[float, float], a: float, b: float, angle: float = 0.0, points: int = 40) -> Points:
    """An ellipse with half axes a and b."""
    t = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return turned(np.stack([a * np.cos(t), b * np.sin(t)], 1), centre, angle)


def blob(
    generator: np.random.Generator, centre: tuple[float, float], a: float, b: float, rough: float = 0.18
) -> Points:
    """An irregular round shape."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones_like(t)
    for k in range(2, 7):
        radius += rough * generator.normal() / k * np.cos(k * t + generator.uniform(0, 2 * np.pi))
    return turned(np.stack([a * np.cos(t), b * np.sin(t)], 1) * radius[:, None], centre, generator.uniform(0, np.pi))


def strip(line: Points, half: float | Points) -> Points:
    """The outline of a band of half width `half` (a number, or one a point) around a line."""
    tangent = np.gradient(line, axis=0)
    length = np.hypot(tangent[:, 0], tangent[:, 1])[:, None]
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.where(length > 0, length, 1)
    offset = normal * np.asarray(half, dtype=np.float64).reshape(-1, 1)
    return np.concatenate([line + offset, (line - offset)[::-1]])
