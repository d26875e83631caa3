"""The ground truth of a pair: where Ref shows each point of HR, and what changed."""

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
SAME_FOOT = 1.0
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


def displacement(
    seen: Surface, view: View, reference: Surface, reference_view: View, reference_lean: tuple[float, float]
) -> Displacement:
    """The displacement from each pixel of the image `view` of `seen` to the same point in that of `reference`.

    `reference_lean` is how far a metre of height moves a point in `reference`, in pixels (row, column).
    """
    foot, height, material = view.nearest(seen.ground), view.nearest(seen.height), view.nearest(seen.material)
    expected = foot.astype(np.float64) + height[:, :, None] * np.asarray(reference_lean)
    there, in_sight = _found(foot, height, material, expected, reference)
    in_reference = reference_view.from_canvas(there)
    line = np.arange(view.size, dtype=np.float64)
    own = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    inside = np.all((in_reference >= 0) & (in_reference <= reference_view.size - 1), axis=2)
    return Displacement((in_reference - own).astype(np.float32), inside & in_sight)


def _found(
    foot: Array, height: Array, material: Array, expected: Array, reference: Surface
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Where on the reference's canvas the points are, and whether what is seen there are they and not what hides them.

    A rendering places points to a fraction of a pixel only. The four canvas pixels around the expected place say where
    it did: each says how far its own foot is from the one looked for.
    """
    last = reference.height.shape[0] - 1
    corner = np.floor(expected).astype(np.int64)
    total = np.zeros_like(expected)
    weights = np.zeros(height.shape)
    for step in product((0, 1), (0, 1)):
        node = corner + np.asarray(step)
        row, column = np.clip(node, 0, last).transpose(2, 0, 1)
        off = reference.ground[row, column] - foot - (node - expected)
        same = np.all(np.abs(off) <= SAME_FOOT, axis=2) & np.all((node >= 0) & (node <= last), axis=2)
        same &= np.abs(reference.height[row, column] - height) <= SAME_HEIGHT
        same &= reference.material[row, column] == material
        weight = same * (np.prod(1 - np.abs(node - expected), axis=2) + 1e-6)
        total += weight[:, :, None] * off
        weights += weight
    in_sight = weights > 0
    return expected - total / np.where(in_sight, weights, 1)[:, :, None], in_sight


def change_mask(before: Array, after: Array, replaced: Array | None = None) -> npt.NDArray[np.uint8]:
    """(H, W) covers at both dates, seen alike -> (H, W): the later cover where it, or the building, changed; else 0."""
    changed = before != after
    if replaced is not None:
        changed = changed | replaced
    return np.where(changed, after, 0).astype(np.uint8)


def in_colours(classes: Array) -> npt.NDArray[np.uint8]:
    """(H, W) classes 0..6 -> (H, W, 3) in SECOND's colours."""
    return np.ascontiguousarray(PALETTE[classes])
