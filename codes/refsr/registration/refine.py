"""Refinement of a transform and of a displacement field by Gauss-Newton steps on the images' oriented gradients.

A step compares LR with Ref as it is seen now and gathers the normal equations of a displacement in cells of pixels.
All cells together give an affine step; each cell with its surroundings, damped, gives a step of the field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refsr.registration.gradients import SMALLEST_SHARE, correlation, oriented
from refsr.registration.greys import Greys
from refsr.registration.transforms import Floats, Transform, after, inverse, points

CELL = 4
"""Pixels along the side of a cell."""
ROBUST = np.float32(0.5)


@dataclass(frozen=True)
class Equations:
    """Sums over cells (rows, columns): of products of gradients, and of gradients with what is left to explain."""

    xx: Floats
    xy: Floats
    yy: Floats
    x: Floats
    y: Floats


def seen_through(greys: Greys, transform: Transform, field: Floats | None = None) -> tuple[Floats, Floats]:
    """Ref's grey on LR's matching pixels, and where it holds data, 0 or 1."""
    import cv2

    height, width = greys.lr.shape
    if field is None:
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(greys.ref, transform, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        near = cv2.warpAffine(
            greys.ref_valid, transform, (width, height), flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        )
        return seen, (near > 0.99).astype(np.float32)
    x, y = grid(height, width)
    x, y = points(transform, x + field[:, :, 0], y + field[:, :, 1])
    x, y = x.astype(np.float32), y.astype(np.float32)
    seen = cv2.remap(greys.ref, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    near = cv2.remap(greys.ref_valid, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return seen, (near > 0.99).astype(np.float32)


def grid(height: int, width: int) -> tuple[Floats, Floats]:
    """x (1, W) and y (H, 1) of all pixels."""
    return np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]


def equations(own: Floats, seen: Floats, weight: Floats) -> Equations:
    """(H, W, C) LR's and Ref's features and (H, W) weights -> the normal equations of own(x) = seen(x + step)."""
    import cv2

    middle = (own + seen) * np.float32(0.5)
    gx = cv2.Sobel(middle, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
    gy = cv2.Sobel(middle, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
    rest = own - seen
    size = (own.shape[1] // CELL, own.shape[0] // CELL)
    planes = [
        (one * other).sum(axis=2) * weight for one, other in ((gx, gx), (gx, gy), (gy, gy), (gx, rest), (gy, rest))
    ]
    return Equations(*(cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes))


def affine_step(found: Equations, shape: tuple[int, ...]) -> Transform:
    """The affine displacement that all cells together ask for, as a transform near the identity."""
    rows, columns = found.xx.shape
    x = ((np.arange(columns) + 0.5) * shape[1] / columns - 0.5 - (shape[1] - 1) / 2) / max(shape)
    y = ((np.arange(rows) + 0.5) * shape[0] / rows - 0.5 - (shape[0] - 1) / 2) / max(shape)
    basis = np.stack([np.ones((rows, columns)), *np.meshgrid(x, y)]).reshape(3, -1)
    xx, xy, yy = ((basis * part.ravel()) @ basis.T for part in (found.xx, found.xy, found.yy))
    right = np.concatenate([basis @ found.x.ravel(), basis @ found.y.ravel()])
    system = np.block([[xx, xy], [xy, yy]])
    system += np.eye(6) * (1e-6 * np.trace(system) + 1e-9)
    p = np.linalg.solve(system, right)
    turned = np.array([[p[1], p[2]], [p[4], p[5]]]) / max(shape)
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    return np.column_stack([np.eye(2) + turned, [p[0], p[3]] - turned @ middle])


STEPS = ((4.0, 4), (2.0, 3), (1.2, 3))
"""Smoothing of features in matching pixels, and steps."""


def affine(greys: Greys, transform: Transform) -> Transform:
    """The transform refined; the same where the steps lead nowhere."""
    found = transform
    for blur, steps in STEPS:
        own = oriented(greys.lr, greys.lr_valid, behind=blur)
        for _ in range(steps):
            seen, valid = seen_through(greys, found)
            weight = valid * greys.lr_valid
            if weight.mean() < SMALLEST_SHARE:
                return transform
            other = oriented(seen, valid, behind=blur)
            weight = weight / (1 + ((own - other) ** 2).sum(axis=2) / (ROBUST * ROBUST))
            found = after(found, affine_step(equations(own, other, weight), greys.lr.shape))
            if not plausible(after(inverse(transform), found), greys.lr.shape):
                return transform
    return found


def plausible(step: Transform, shape: tuple[int, ...]) -> bool:
    """Whether a refinement stays near where it began."""
    corners = np.array([[x, y, 1] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)], np.float64)
    moved = float(np.abs(corners @ step.T - corners[:, :2]).max())
    return bool(np.isfinite(step).all()) and moved <= FARTHEST * max(shape)


FARTHEST = 0.08
"""How far a corner may move by refinement, as a share of the longer side."""


def alike(greys: Greys, transform: Transform, field: Floats | None = None) -> float:
    """The correlation of LR's and Ref's oriented gradients."""
    import cv2

    dense = None if field is None else cv2.resize(field, greys.lr.shape[::-1], interpolation=cv2.INTER_LINEAR)
    seen, valid = seen_through(greys, transform, dense)
    both = valid * greys.lr_valid
    if both.mean() < SMALLEST_SHARE:
        return 0.0
    return correlation(oriented(greys.lr, greys.lr_valid), oriented(seen, valid), both)
