"""What is known of a pair without guessing: where Ref shows each point of HR, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.worlds.view import View

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

# SECOND's label colours, by class: unchanged, water, ground, low vegetation, tree, building, playground.
PALETTE = np.array(
    [(255, 255, 255), (0, 0, 255), (128, 128, 128), (0, 128, 0), (0, 255, 0), (128, 0, 0), (255, 0, 0)], np.uint8
)
# A point is the same one in Ref's rendering if its feet there and here lie this near (pixels, metres).
SAME_FOOT = 0.75
SAME_HEIGHT = 1.0


@dataclass(frozen=True)
class Surface:
    """What a rendering shows where, each (canvas, canvas[, 2]): the foot's place at nadir, height, material."""

    ground: Array
    height: Array
    material: Array


@dataclass(frozen=True)
class Displacement:
    """From HR to Ref."""

    flow: Floats
    """(H, W, 2): what to add to an HR pixel's (row, column) to stand on the same surface point in Ref."""
    valid: npt.NDArray[np.bool_]
    """(H, W): the point is in Ref's frame, in sight there, and of the same material."""


def lean_of(surface: Surface) -> tuple[float, float]:
    """Pixels (row, column) by which a metre of height displaces a point in a rendering, measured on it."""
    height = surface.height.astype(np.float64).ravel()
    power = float(height @ height)
    if power == 0:
        return 0.0, 0.0
    side_rows, side_columns = surface.height.shape
    places = np.stack(np.meshgrid(np.arange(side_rows), np.arange(side_columns), indexing="ij"), axis=-1)
    moved = (places - surface.ground).reshape(-1, 2)
    return float(height @ moved[:, 0]) / power, float(height @ moved[:, 1]) / power


def displacement(
    seen: Surface, view: View, reference: Surface, reference_view: View, reference_lean: tuple[float, float]
) -> Displacement:
    """The exact way from each pixel of the image `view` of `seen` to the same point in that of `reference`."""
    foot, height, material = view.nearest(seen.ground), view.nearest(seen.height), view.nearest(seen.material)
    there = foot.astype(np.float64) + height[:, :, None] * np.asarray(reference_lean)
    in_reference = reference_view.from_canvas(there)
    line = np.arange(view.size, dtype=np.float64)
    own = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    inside = np.all((in_reference >= 0) & (in_reference <= reference_view.size - 1), axis=2)
    valid = inside & _in_sight(foot, height, material, there, reference)
    return Displacement((in_reference - own).astype(np.float32), valid)


def _in_sight(foot: Array, height: Array, material: Array, there: Array, reference: Surface) -> npt.NDArray[np.bool_]:
    """Whether one of the four canvas pixels around `there` shows the point itself and not what hides it."""
    last = reference.height.shape[0] - 1
    found = np.zeros(height.shape, bool)
    corner = np.floor(there).astype(np.int64)
    for step in product((0, 1), (0, 1)):
        node = corner + np.asarray(step)
        row, column = np.clip(node, 0, last).transpose(2, 0, 1)
        # On a level surface a node's foot is off by as much as the node itself is.
        off = reference.ground[row, column] - foot - (node - there)
        same = np.all(np.abs(off) <= SAME_FOOT, axis=2)
        same &= np.abs(reference.height[row, column] - height) <= SAME_HEIGHT
        found |= same & (reference.material[row, column] == material) & np.all((node >= 0) & (node <= last), axis=2)
    return found


def change_mask(before: Array, after: Array, replaced: Array | None = None) -> npt.NDArray[np.uint8]:
    """(H, W) covers at both dates, seen alike -> (H, W): the later cover where it, or the thing, changed; else 0."""
    changed = before != after
    if replaced is not None:
        changed = changed | replaced
    return np.where(changed, after, 0).astype(np.uint8)


def in_colours(classes: Array) -> npt.NDArray[np.uint8]:
    """(H, W) classes 0..6 -> (H, W, 3) in SECOND's colours."""
    return np.ascontiguousarray(PALETTE[classes])
