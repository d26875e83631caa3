"""A smooth displacement field on top of a transform: from large windows to small ones, damped, without folds."""

from __future__ import annotations

import numpy as np

from refsr.registration.gradients import oriented, smooth
from refsr.registration.greys import Greys
from refsr.registration.refine import CELL, ROBUST, equations, seen_through
from refsr.registration.transforms import Floats, Transform

LEVELS = ((24.0, 2.0, 3), (12.0, 1.5, 3), (7.0, 1.2, 4), (4.5, 1.0, 4))
"""Standard deviation of the window and of the smoothing of features, in matching pixels, and steps."""
DAMPING = np.float32(0.01)
"""Pulls a window with little in it to what larger windows found."""
LONGEST_STEP = np.float32(1.5)
NARROWEST = 0.3
"""Smallest area, of 1, to which the field may press a pixel."""


TILE_LEVELS = ((40.0, 2.5, 3), (16.0, 1.5, 4))
"""The same for tiles of a scene, of which only a coarse field is asked."""


def shift_field(greys: Greys, transform: Transform) -> Floats:
    """As `local_field`, but coarse."""
    return local_field(greys, transform, TILE_LEVELS)


def local_field(greys: Greys, transform: Transform, levels: tuple[tuple[float, float, int], ...] = LEVELS) -> Floats:
    """(rows, columns, 2) displacement of LR's matching pixels before the transform, in cells."""
    import cv2

    height, width = greys.lr.shape
    field = np.zeros((max(1, height // CELL), max(1, width // CELL), 2), np.float32)
    for window, blur, steps in levels:
        own = oriented(greys.lr, greys.lr_valid, behind=blur)
        before = field
        for _ in range(steps):
            dense = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
            seen, valid = seen_through(greys, transform, dense)
            other = oriented(seen, valid, behind=blur)
            weight = valid * greys.lr_valid / (1 + ((own - other) ** 2).sum(axis=2) / (ROBUST * ROBUST))
            field = smooth(field + _step(own, other, weight, window / CELL, field - before), window / CELL / 3)
    return unfolded(field, height / field.shape[0])


def _step(own: Floats, other: Floats, weight: Floats, window: float, gone: Floats) -> Floats:
    found = equations(own, other, weight)
    xx, xy, yy, x, y = (smooth(part, window) for part in (found.xx, found.xy, found.yy, found.x, found.y))
    xx, yy = xx + DAMPING, yy + DAMPING
    x, y = x - DAMPING * gone[:, :, 0], y - DAMPING * gone[:, :, 1]
    area = xx * yy - xy * xy
    step = np.stack([(yy * x - xy * y) / area, (xx * y - xy * x) / area], axis=2)
    length = np.sqrt((step * step).sum(axis=2, keepdims=True))
    limited: Floats = step * np.minimum(1, LONGEST_STEP / np.maximum(length, np.float32(1e-6)))
    return limited


def jacobian(field: Floats, cell: float) -> Floats:
    """(rows - 1, columns - 1): least factor of area between neighbouring nodes; 0 or less is a fold."""
    across, down = np.diff(field, axis=1) / cell, np.diff(field, axis=0) / cell
    worst = np.full((field.shape[0] - 1, field.shape[1] - 1), np.inf)
    for x in (across[:-1], across[1:]):
        for y in (down[:, :-1], down[:, 1:]):
            worst = np.minimum(worst, (1 + x[..., 0]) * (1 + y[..., 1]) - x[..., 1] * y[..., 0])
    return worst


def unfolded(field: Floats, cell: float) -> Floats:
    """The field smoothed until no node comes too near to its neighbours."""
    sigma = 1.0
    for _ in range(ROUNDS):
        pressed = jacobian(field, cell)
        if not pressed.size or pressed.min() > NARROWEST:
            return field
        field = smooth(field, sigma)
        sigma *= 1.5
    return np.zeros_like(field)


ROUNDS = 8
