"""A smooth displacement field on top of a transform: from large windows to small ones, damped, without folds.

Steps follow whatever makes LR and Ref alike, and that includes the edges of shadows and of houses that changed. So the
field is kept in two cases only: where little of the ground agrees with the transform (relief, distortion), and where
Ref is hardly like LR without it but very much with it (roofs that lean).
"""

from __future__ import annotations

import numpy as np

from refsr.registration.gradients import Features, dot, gradients_alike, smooth
from refsr.registration.greys import Greys
from refsr.registration.refine import CELL, cells, equations, gathered, seen_through, solved
from refsr.registration.transforms import Floats, Transform

LEVELS = ((16.0, 1.5, 3), (8.0, 1.0, 3), (5.0, 0.7, 4), (3.5, 0.5, 4))
"""Standard deviation of the window and of the smoothing of features, in matching pixels, and steps."""
TILE_LEVELS = ((16.0, 1.5, 3), (8.0, 1.0, 2))
"""The same for tiles of a scene, of which only a coarse field is asked."""
DAMPING = 0.1
"""Pulls a window with little in it to what larger windows found; relative to what a usual cell holds."""
ROBUST = np.float32(0.5)
LONGEST_STEP = np.float32(1.5)
NARROWEST = 0.3
"""Smallest area, of 1, to which the field may press a pixel."""
ROUNDS = 16

STILL = 0.4
"""Matching pixels by which a cell may be off and yet agrees with the transform."""
WIDE = 24.0
"""Standard deviation of the surroundings, in matching pixels, that say whether the ground agrees."""
AGREES = (0.3, 0.45)
"""Share of cells that agree: up to the first the field is followed, from the second on the transform."""
FOLLOWED = (0.1, 0.3)
"""Local likeness below which a field is followed nowhere."""
LIKE = (0.6, 0.75)
GAINED = (0.08, 0.2)
"""Local likeness, and how much of it is owed to the field, at which it is followed though the ground agrees."""
NEAR = 5.0


def local_field(
    greys: Greys, transform: Transform, features: Features, levels: tuple[tuple[float, float, int], ...] = LEVELS
) -> Floats:
    """(rows, columns, 2) displacement of LR's matching pixels before the transform, in cells."""
    rows, columns = cells(greys.lr.shape)
    field = np.zeros((rows, columns, 2), np.float32)
    for window, blur, steps in levels:
        own = features(greys.lr, blur)
        before = field
        for _ in range(steps):
            seen, valid = seen_through(greys, transform, field)
            other = features(seen, blur)
            rest = own - other
            weight = valid * greys.lr_valid / (1 + dot(rest, rest) / (ROBUST * ROBUST))
            found = equations(own, other, weight)
            damping = DAMPING * float(np.median(found.xx + found.yy)) + 1e-6
            step = solved(gathered(found, window / CELL), damping, (field - before) * np.float32(damping))
            length = np.sqrt(dot(step, step))[:, :, None]
            step *= np.minimum(1, LONGEST_STEP / np.maximum(length, np.float32(1e-6)))
            field = smooth(field + step, max(0.3, window / CELL / 3))
    kept = field * _followed(greys, transform, field, features)[:, :, None]
    return unfolded(kept, greys.lr.shape[0] / rows)


def _followed(greys: Greys, transform: Transform, field: Floats, features: Features) -> Floats:
    """(rows, columns): how far the field is followed, 0 to 1."""
    import cv2

    own = features(greys.lr, FINEST)
    size = (field.shape[1], field.shape[0])
    without, within = (
        cv2.resize(gradients_alike(own, features(seen, FINEST), valid * greys.lr_valid, NEAR), size, interpolation=3)
        for seen, valid in (seen_through(greys, transform), seen_through(greys, transform, field))
    )
    agree = agreement(greys, transform, features)
    loose = _ramp(AGREES[1] - agree, 0, AGREES[1] - AGREES[0]) * _ramp(within, *FOLLOWED)
    leaning = _ramp(within, *LIKE) * _ramp(within - without, *GAINED)
    return smooth(np.maximum(loose, leaning), 1.0)


FINEST = 0.5


def agreement(greys: Greys, transform: Transform, features: Features) -> Floats:
    """(rows, columns): which share of the cells around, and of all, shows no displacement against the transform."""
    seen, valid = seen_through(greys, transform)
    found = gathered(equations(features(greys.lr, FINEST), features(seen, FINEST), valid * greys.lr_valid), 1.0)
    strength = found.xx + found.yy
    step = solved(found, 0.05 * float(np.median(strength)) + 1e-6)
    known = (strength > np.percentile(strength, 30)).astype(np.float32)
    still = known * (np.sqrt(dot(step, step)) < STILL)
    around = smooth(still, WIDE / CELL) / (smooth(known, WIDE / CELL) + np.float32(1e-3))
    share: Floats = 0.5 * (around + np.float32(still.sum() / max(1.0, float(known.sum()))))
    return share


def _ramp(value: Floats, low: float, high: float) -> Floats:
    ramp: Floats = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return ramp


def jacobian(field: Floats, cell: float) -> Floats:
    """(rows - 1, columns - 1): least factor of area between neighbouring nodes; 0 or less is a fold."""
    across, down = np.diff(field, axis=1) / cell, np.diff(field, axis=0) / cell
    worst = np.full((field.shape[0] - 1, field.shape[1] - 1), np.inf)
    for x in (across[:-1], across[1:]):
        for y in (down[:, :-1], down[:, 1:]):
            worst = np.minimum(worst, (1 + x[..., 0]) * (1 + y[..., 1]) - x[..., 1] * y[..., 0])
    return worst


def unfolded(field: Floats, cell: float) -> Floats:
    """The field smoothed where nodes come too near to their neighbours, and there alone, until none does."""
    sigma = 1.0
    for attempt in range(ROUNDS):
        pressed = jacobian(field, cell)
        if not pressed.size or pressed.min() > NARROWEST:
            return field
        near = np.pad((pressed <= NARROWEST).astype(np.float32), ((0, 1), (0, 1)))
        around = np.clip(10 * smooth(near, 1.0 + 0.25 * attempt), 0, 1)[:, :, None]
        field = field + (smooth(field, sigma) - field) * around
        sigma *= 1.25
    return np.zeros_like(field)
