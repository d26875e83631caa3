"""Refinement of a transform by Gauss-Newton steps on the images' gradients.

A step compares LR with Ref as it is seen now and gathers the normal equations of a displacement in cells of pixels. All
cells together give an affine step; each cell with its surroundings gives a step of a field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refsr.registration.gradients import SMALLEST_SHARE, Features, correlation, dot, oriented, signed, smooth
from refsr.registration.greys import Greys
from refsr.registration.transforms import Floats, Transform, after, inverse, points

CELL = 4
"""Matching pixels along the side of a cell."""
STEPS = ((4.0, 4), (2.0, 3))
"""Smoothing of oriented gradients in matching pixels, and steps."""
ROBUST = np.float32(0.5)
OFF = (2.0, 1.5, 1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.1, 0.1)
"""Matching pixels off the dominant motion at which a cell counts a quarter: leaning roofs and shadows are off."""
TILE_OFF = (2.0, 1.3, 0.8, 0.5, 0.3, 0.18, 0.12)
"""The same for tiles of a scene, in fewer steps."""
FINEST = 0.5
LOSS = 0.05
"""How much likeness the dominant motion may lose against the motion of all edges."""
FARTHEST = 0.08
"""How far a corner may move by refinement, as a share of the longer side."""
SAME_SIGN = 0.1
"""Correlation of gradients with their signs, below which bright and dark may have changed places."""


@dataclass(frozen=True)
class Equations:
    """Sums over cells (rows, columns): of products of gradients, and of gradients with what is left to explain."""

    xx: Floats
    xy: Floats
    yy: Floats
    x: Floats
    y: Floats

    def parts(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """All five."""
        return self.xx, self.xy, self.yy, self.x, self.y


def cells(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of cells in an image."""
    return max(1, shape[0] // CELL), max(1, shape[1] // CELL)


def seen_through(greys: Greys, transform: Transform, field: Floats | None = None) -> tuple[Floats, Floats]:
    """Ref's grey on LR's matching pixels, through a field in cells and a transform; where it holds data, 0 or 1."""
    import cv2

    height, width = greys.lr.shape
    if field is None:
        way, cubic = cv2.WARP_INVERSE_MAP, cv2.INTER_CUBIC
        seen = cv2.warpAffine(greys.ref, transform, (width, height), flags=cubic | way, borderMode=cv2.BORDER_REFLECT)
        near = cv2.warpAffine(greys.ref_valid, transform, (width, height), flags=cv2.INTER_LINEAR | way)
        return seen, (near > 0.99).astype(np.float32)
    dense = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    seen_x, seen_y = points(transform.astype(np.float32), x + dense[:, :, 0], y + dense[:, :, 1])
    seen = cv2.remap(greys.ref, seen_x, seen_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    near = cv2.remap(greys.ref_valid, seen_x, seen_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return seen, (near > 0.99).astype(np.float32)


def equations(own: Floats, seen: Floats, weight: Floats) -> Equations:
    """(H, W, C) LR's and Ref's features and (H, W) weights -> the normal equations of own(x) = seen(x + step)."""
    import cv2

    middle = (own + seen) * np.float32(0.5)
    gx = cv2.Sobel(middle, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
    gy = cv2.Sobel(middle, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
    rest = own - seen
    rows, columns = cells(own.shape)
    planes = []
    for one, other in ((gx, gx), (gx, gy), (gy, gy), (gx, rest), (gy, rest)):
        product = dot(one, other) * weight
        planes.append(cv2.resize(product, (columns, rows), interpolation=cv2.INTER_AREA))
    return Equations(*planes)


def gathered(found: Equations, window: float) -> Equations:
    """Summed over the surroundings of each cell; `window` is a standard deviation in cells."""
    return Equations(*(smooth(part, window) for part in found.parts()))


def solved(found: Equations, damping: float, pull: Floats | None = None) -> Floats:
    """(rows, columns, 2): the step of each cell."""
    xx, xy, yy, x, y = found.parts()
    if pull is not None:
        x, y = x - pull[:, :, 0], y - pull[:, :, 1]
    xx, yy = xx + np.float32(damping), yy + np.float32(damping)
    area = np.maximum(xx * yy - xy * xy, np.float32(damping * damping))
    step: Floats = np.stack([(yy * x - xy * y) / area, (xx * y - xy * x) / area], axis=2)
    return step


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


def affine(greys: Greys, transform: Transform) -> Transform:
    """The transform refined by all edges, whichever side is the brighter; the same where the steps lead nowhere."""
    found = transform
    for blur, steps in STEPS:
        own = oriented(greys.lr, greys.lr_valid, behind=blur)
        for _ in range(steps):
            seen, valid = seen_through(greys, found)
            weight = valid * greys.lr_valid
            if weight.mean() < SMALLEST_SHARE:
                return transform
            other = oriented(seen, valid, behind=blur)
            rest = own - other
            weight = weight / (1 + dot(rest, rest) / (ROBUST * ROBUST))
            found = after(found, affine_step(equations(own, other, weight), greys.lr.shape))
            if not plausible(after(inverse(transform), found), greys.lr.shape):
                return transform
    return found


def dominant(greys: Greys, transform: Transform, features: Features, steps_off: tuple[float, ...] = OFF) -> Transform:
    """The transform refined to the motion that most of the ground has; the same where the steps lead nowhere.

    Each cell counts alike, however strong its edges are, and the less the further it is off.
    """
    found = transform
    own = features(greys.lr, FINEST)
    for off in steps_off:
        seen, valid = seen_through(greys, found)
        near = gathered(equations(own, features(seen, FINEST), valid * greys.lr_valid), 1.0)
        strength = near.xx + near.yy
        usual = float(np.median(strength)) + 1e-6
        step = solved(near, 0.06 * usual)
        squares = dot(step, step)
        trust = 1 / (1 + squares / np.float32(off * off)) ** 2 / (strength + np.float32(0.4 * usual))
        found = after(found, affine_step(Equations(*(part * trust for part in near.parts())), greys.lr.shape))
        if not plausible(after(inverse(transform), found), greys.lr.shape):
            return transform
    return found if alike(greys, found) > alike(greys, transform) - LOSS else transform


def features_for(greys: Greys, transform: Transform) -> Features:
    """Gradients with their signs, which are the sharper; without, where bright and dark may have changed places."""
    seen, valid = seen_through(greys, transform)
    if correlation(signed(greys.lr, 1.0), signed(seen, 1.0), valid * greys.lr_valid) > SAME_SIGN:
        return signed

    def unsigned(image: Floats, blur: float) -> Floats:
        return oriented(image, np.ones_like(image), FINEST, max(0.7, blur))

    return unsigned


def plausible(step: Transform, shape: tuple[int, ...]) -> bool:
    """Whether a refinement stays near where it began."""
    corners = np.array([[x, y, 1] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)], np.float64)
    moved = float(np.abs(corners @ step.T - corners[:, :2]).max())
    return bool(np.isfinite(step).all()) and moved <= FARTHEST * max(shape)


def alike(greys: Greys, transform: Transform, field: Floats | None = None) -> float:
    """The likeness: the correlation of LR's and Ref's oriented gradients."""
    seen, valid = seen_through(greys, transform, field)
    both = valid * greys.lr_valid
    if both.mean() < SMALLEST_SHARE:
        return 0.0
    return correlation(oriented(greys.lr, greys.lr_valid), oriented(seen, valid), both)
