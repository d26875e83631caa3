"""Tie points of a scene: places all over the common ground, each matched by itself, and those that agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.registration.confidence import local_likeness
from refsr.registration.gradients import oriented
from refsr.registration.greys import prepare
from refsr.registration.local import TILE_LEVELS, local_field
from refsr.registration.refine import TILE_OFF, dominant, features_for, seen_through
from refsr.registration.search import search_shift
from refsr.registration.transforms import Floats, Transform, after, points

Reader = Callable[[Window], tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]
"""A window -> raw values (height, width, C), and where there are any (height, width)."""

TILE = 64
"""LR pixels along the side of the ground that is matched at once."""
NODE = 16
"""LR pixels along the side of the ground that gives one tie point."""
FEWEST = 0.3
"""A tile of which less holds data, in LR and Ref, gives no tie points."""


@dataclass(frozen=True)
class TiePoints:
    """(n,) each: where points of HR lie, in HR pixels, by how much Ref shows them elsewhere, and how alike both are."""

    x: Floats
    y: Floats
    right: Floats
    down: Floats
    likeness: Floats

    def __len__(self) -> int:
        return len(self.x)

    def chosen(self, which: npt.NDArray[np.bool_]) -> TiePoints:
        """Those alone."""
        return TiePoints(*(line[which] for line in (self.x, self.y, self.right, self.down, self.likeness)))

    @staticmethod
    def joined(parts: list[TiePoints]) -> TiePoints:
        """All of them."""
        names = ("x", "y", "right", "down", "likeness")
        none = np.zeros(0)
        return TiePoints(*(np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in names))


def tiles(size: tuple[int, int], scale: int, most: int) -> Iterator[Window]:
    """Windows of LR, spread evenly over an HR grid; at most about `most`."""
    height, width = size[0] // scale, size[1] // scale
    step = max(TILE, int(np.ceil(np.sqrt(height * width / most))))
    for top in _spread(height, step):
        for left in _spread(width, step):
            yield Window(top, left, min(TILE, height), min(TILE, width))


def _spread(length: int, step: int) -> list[int]:
    """First pixels of tiles about `step` apart, from border to border."""
    last = max(0, length - TILE)
    count = -(-last // step) + 1
    return [round(last * number / max(1, count - 1)) for number in range(count)]


def match_tile(
    lr: Reader, ref: Reader, size: tuple[int, int], scale: int, tile: Window, model: Transform, reach: int
) -> TiePoints | None:
    """Tie points of one tile; None where it holds too little.

    `model` says where HR's pixels lie on the grid on which Ref is read; `reach` how far beside it Ref may be, in LR
    pixels.
    """
    own, own_valid = lr(tile)
    if own_valid.mean() < FEWEST:
        return None
    hr = tile.times(scale)
    middle = np.array([hr.left + (hr.width - 1) / 2, hr.top + (hr.height - 1) / 2])
    right, down = model[:, :2] @ middle + model[:, 2] - middle
    margin = (reach + MARGIN) * scale
    around = Window(hr.top + round(float(down)), hr.left + round(float(right)), hr.height, hr.width).grown(margin)
    part = around.common(Window(0, 0, *size))
    if part.empty or min(part.height, part.width) < hr.height // 2:
        return None
    other, other_valid = ref(part)
    if other_valid.sum() < FEWEST * hr.height * hr.width:
        return None
    start = after(
        np.array([[1, 0, -part.left], [0, 1, -part.top]], np.float64),
        after(model, np.array([[1, 0, hr.left], [0, 1, hr.top]], np.float64)),
    )
    greys = prepare(_held(own, own_valid), _held(other, other_valid), scale, start)
    if greys.flat:
        return None
    transform = search_shift(greys, reach)
    features = features_for(greys, transform)
    transform = dominant(greys, transform, features, TILE_OFF)
    field = local_field(greys, transform, features, TILE_LEVELS)
    return _read_off(greys, transform, field, hr, part, scale)


MARGIN = 4
"""LR pixels of Ref beyond the tile and the reach, for what the features smooth over."""


def _held(image: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> Floats:
    pixels = np.asarray(image, np.float32)
    if valid.all():
        return pixels
    return np.where(valid if pixels.ndim == 2 else valid[:, :, None], pixels, np.float32(np.nan))


def _read_off(greys: Any, transform: Transform, field: Floats, hr: Window, part: Window, scale: int) -> TiePoints:
    """The displacement in the middle of each node's ground."""
    import cv2

    height, width = greys.lr.shape
    rows, columns = max(1, hr.height // (NODE * scale)), max(1, hr.width // (NODE * scale))
    dense = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    seen, valid = seen_through(greys, transform, field)
    both = valid * greys.lr_valid
    likely = local_likeness(oriented(greys.lr, greys.lr_valid), oriented(seen, valid), both) * both
    size = (columns, rows)
    likely, moved, kept = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (likely, dense, both))
    moved = moved.reshape(rows, columns, 2)
    x = np.broadcast_to((np.arange(columns) + 0.5)[None] * width / columns - 0.5, (rows, columns))
    y = np.broadcast_to((np.arange(rows) + 0.5)[:, None] * height / rows - 0.5, (rows, columns))
    seen_x, seen_y = points(after(greys.to_ref, transform), x + moved[:, :, 0], y + moved[:, :, 1])
    own_x, own_y = points(greys.hr, x, y)
    right, down = seen_x + part.left - own_x - hr.left, seen_y + part.top - own_y - hr.top
    which = kept.reshape(rows, columns).ravel() > FEWEST
    lines = (own_x + hr.left, own_y + hr.top, right, down, likely.reshape(rows, columns))
    return TiePoints(*(np.asarray(line, np.float64).ravel()[which] for line in lines))


def fit_affine(found: TiePoints, weight: Floats) -> Transform:
    """The affine map from HR's points to where Ref shows them, by weighted least squares, held near a mere shift."""
    x, y = found.x, found.y
    origin = np.array([np.average(x, weights=weight), np.average(y, weights=weight)])
    length = max(1.0, float(np.sqrt(np.average((x - origin[0]) ** 2 + (y - origin[1]) ** 2, weights=weight))))
    basis = np.column_stack([np.ones(len(x)), (x - origin[0]) / length, (y - origin[1]) / length])
    system = (basis * weight[:, None]).T @ basis + np.diag([0.0, 1e-3, 1e-3]) * weight.sum()
    solved = np.linalg.solve(system, (basis * weight[:, None]).T @ np.column_stack([found.right, found.down]))
    slope = solved[1:].T / length
    return np.column_stack([np.eye(2) + slope, solved[0] - slope @ origin])


def agreeing(found: TiePoints, tolerance: float, seed: int = 0) -> tuple[Transform, npt.NDArray[np.bool_]]:
    """The affine map that most tie points agree with within a tolerance in HR pixels, and which do (RANSAC)."""
    draw = np.random.default_rng(seed)
    score = np.clip(found.likeness, 0, 1) ** 2
    best, best_sum = np.zeros(len(found), bool), -1.0
    for _ in range(DRAWS):
        few = draw.choice(len(found), size=min(3, len(found)), replace=False, p=(score + 1e-6) / (score + 1e-6).sum())
        model = fit_affine(found.chosen(np.isin(np.arange(len(found)), few)), np.ones(len(few)))
        if np.abs(model[:, :2] - np.eye(2)).max() > STEEPEST:
            continue
        near = _off(found, model) < tolerance
        if float(score[near].sum()) > best_sum:
            best, best_sum = near, float(score[near].sum())
    model = np.eye(2, 3)
    for _ in range(3):
        if best.sum() < 3:
            break
        model = fit_affine(found.chosen(best), score[best] + 1e-6)
        best = _off(found, model) < tolerance
    return model, best


DRAWS = 200
STEEPEST = 0.15


def _off(found: TiePoints, model: Transform) -> Floats:
    """How far each tie point lies from where a model has it."""
    x, y = points(model, found.x, found.y)
    off: Floats = np.hypot(found.x + found.right - x, found.y + found.down - y)
    return off
