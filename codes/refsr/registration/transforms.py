"""Affine transforms of points (x, y): made, chained, inverted, and read as shift, turn and scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
"""Images in float32."""
Transform = npt.NDArray[Any]
"""(2, 3): where the point (x, y, 1) of one image lies in another, in pixels; pixel centres are whole numbers."""

IDENTITY: Transform = np.eye(2, 3)


def after(second: Transform, first: Transform) -> Transform:
    """The transform that does `first`, then `second`."""
    turned = second[:, :2] @ first[:, :2]
    return np.column_stack([turned, second[:, :2] @ first[:, 2] + second[:, 2]]).astype(np.float64)


def inverse(transform: Transform) -> Transform:
    """The way back."""
    turned = np.linalg.inv(transform[:, :2].astype(np.float64))
    return np.column_stack([turned, -turned @ transform[:, 2]])


def slopes(transform: Transform) -> tuple[float, float]:
    """The length of one pixel's step along x, and along y, after the transform."""
    return float(np.hypot(*transform[:, 0])), float(np.hypot(*transform[:, 1]))


def pixels(ratio_x: float, ratio_y: float) -> Transform:
    """From pixels `ratio` times as large to small ones that begin at the same corner."""
    return np.array([[ratio_x, 0, (ratio_x - 1) / 2], [0, ratio_y, (ratio_y - 1) / 2]], np.float64)


def similarity(turn: float, scale: float, shape: tuple[int, ...]) -> Transform:
    """A turn by degrees (clockwise as seen) and a scale about the middle of an image (height, width)."""
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    angle = math.radians(turn)
    turned = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.column_stack([turned, middle - turned @ middle])


def moved(transform: Transform, right: float, down: float) -> Transform:
    """The transform of points that are first shifted."""
    return after(transform, np.array([[1, 0, right], [0, 1, down]], np.float64))


def points(transform: Transform, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Where the points lie."""
    return (
        transform[0, 0] * x + transform[0, 1] * y + transform[0, 2],
        transform[1, 0] * x + transform[1, 1] * y + transform[1, 2],
    )


def shift_turn_scale(transform: Transform, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """How far the middle of an image (height, width) moves, in its pixels; degrees; size of Ref's pixels in HR's."""
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    shift = float(np.hypot(*(transform[:, :2] @ middle + transform[:, 2] - middle)))
    turn = math.degrees(math.atan2(transform[1, 0] - transform[0, 1], transform[0, 0] + transform[1, 1]))
    return shift, turn, math.sqrt(abs(float(np.linalg.det(transform[:, :2]))))
