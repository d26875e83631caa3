"""Ref laid on a whole scene: one coarse displacement field from tie points all over the ground, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.registration.gradients import smooth
from refsr.registration.local import unfolded
from refsr.registration.result import Verdict
from refsr.registration.tie_points import NODE, Reader, TiePoints, agreeing, match_tile, tiles
from refsr.registration.transforms import Floats, Transform, points

MOST_TILES = 1024
"""Tiles of a scene; on larger ones they lie further apart."""
MOST_NODES = 512
"""Nodes along a side of the field."""
LIKE = 0.3
"""Tie points below this likeness count nothing."""
SURE = 0.5
"""Likeness from which on a tie point counts fully."""
TOLERANCE = 2.0
"""LR pixels by which a tie point may lie beside the affine map of all, for terrain and leaning buildings."""
UNEVEN = 0.75
"""LR pixels by which one may lie beside what its neighbours say."""
FEWEST = 6
"""Tie points that agree, below which a scene is refused."""
LEAST_SHARE = 0.15
"""The same as a share of all that are alike enough."""
PULL = 0.02
"""Draws nodes without tie points to the affine map."""


@dataclass(frozen=True)
class SceneRegistration:
    """Where a scene's reference lies."""

    size: tuple[int, int]
    """Of the HR grid: height, width."""
    displacement: Floats
    """(rows, columns, 2): right and down in HR pixels to what belongs to a pixel; nodes spread evenly over HR."""
    weight: Floats
    """(rows, columns): how much Ref can be trusted there, 0 to 1; 0 everywhere for a Ref that was refused."""
    model: Transform
    """(2, 3): the affine map that the tie points agree on, from HR's pixels to the grid on which Ref was read."""
    tie_points: TiePoints
    kept: npt.NDArray[np.bool_]
    """(n,): the tie points that agree."""
    verdict: Verdict

    @property
    def accepted(self) -> bool:
        return self.verdict.accepted

    @property
    def shift(self) -> float:
        """Median length of the displacement in HR pixels where Ref was found."""
        moved = self.tie_points.chosen(self.kept)
        return float(np.median(np.hypot(moved.right, moved.down))) if len(moved) else 0.0

    @property
    def residual(self) -> float:
        """Median length in HR pixels of what the affine map leaves."""
        kept = self.tie_points.chosen(self.kept)
        if not len(kept):
            return 0.0
        x, y = points(self.model, kept.x, kept.y)
        return float(np.median(np.hypot(kept.x + kept.right - x, kept.y + kept.down - y)))

    @property
    def unmatched(self) -> float:
        """Share of the ground without a match."""
        return float((self.weight < 0.5).mean())

    def sentence(self) -> str:
        """One line for a log."""
        if not self.accepted:
            return f"Ref is not used: {'; '.join(self.verdict.reasons)}"
        rest = f" {100 * self.unmatched:.0f} % of the ground without a match: no reference there."
        return f"Ref lies {self.shift:.1f} px (median) from LR; corrected.{rest}"


def register_scene(
    lr: Reader,
    ref: Reader,
    size: tuple[int, int],
    scale: int,
    reach: float = 40.0,
    progress: Callable[[int, int], None] | None = None,
) -> SceneRegistration:
    """A scene's LR by windows of its grid, and Ref by windows of HR's grid (size), on which a georeference laid it.

    `reach`: how far Ref may lie from there in HR pixels. `progress` is called with the tiles done and all tiles.
    """
    pieces = list(tiles(size, scale, MOST_TILES))
    found: list[TiePoints] = []
    pixels = max(2, int(np.ceil(reach / scale)))
    for number, tile in enumerate(pieces):
        matched = match_tile(lr, ref, size, scale, tile, np.eye(2, 3), pixels)
        if matched is not None:
            found.append(matched)
        if progress is not None:
            progress(number + 1, len(pieces))
    return _verdict_on(TiePoints.joined(found), size, scale)


def _verdict_on(found: TiePoints, size: tuple[int, int], scale: int) -> SceneRegistration:
    likely = found.likeness >= LIKE
    model, kept = np.eye(2, 3), np.zeros(len(found), bool)
    if likely.sum() >= FEWEST:
        model, near = agreeing(found.chosen(likely), TOLERANCE * scale)
        kept[np.flatnonzero(likely)[near]] = True
        kept = even(found, kept, model, scale)
    rows, columns = (int(np.clip(round(side / (NODE * scale)), 1, MOST_NODES)) for side in size)
    nothing = np.zeros((rows, columns, 2), np.float32), np.zeros((rows, columns), np.float32)
    reason = ""
    if not len(found):
        reason = "LR and Ref have too little common ground with data"
    elif kept.sum() < FEWEST or kept.sum() < LEAST_SHARE * len(found):
        reason = f"{kept.sum()} of {len(found)} tie points agree"
    if reason:
        return SceneRegistration(size, *nothing, np.eye(2, 3), found, np.zeros_like(kept), Verdict(False, (reason,)))
    field, weight = spread(found.chosen(kept), model, size, (rows, columns))
    return SceneRegistration(size, field, weight, model, found, kept, Verdict(True))


def even(found: TiePoints, kept: npt.NDArray[np.bool_], model: Transform, scale: int) -> npt.NDArray[np.bool_]:
    """Of the kept tie points those that say what their nearest kept neighbours say, within a tolerance."""
    index = np.flatnonzero(kept)
    if len(index) < 4:
        return kept
    chosen = found.chosen(kept)
    x, y = points(model, chosen.x, chosen.y)
    rest = np.column_stack([chosen.x + chosen.right - x, chosen.y + chosen.down - y])
    result = kept.copy()
    for place in range(len(index)):
        distance = np.hypot(chosen.x - chosen.x[place], chosen.y - chosen.y[place])
        near = np.argpartition(distance, min(NEIGHBOURS, len(index) - 1))[: NEIGHBOURS + 1]
        usual = np.median(rest[near[near != place]], axis=0)
        result[index[place]] = bool(np.hypot(*(rest[place] - usual)) <= UNEVEN * scale)
    return result


NEIGHBOURS = 8


def spread(kept: TiePoints, model: Transform, size: tuple[int, int], shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Tie points -> the displacement (rows, columns, 2) at nodes spread evenly over an HR grid, and its weight."""
    rows, columns = shape
    trust = np.clip((kept.likeness - LIKE) / (SURE - LIKE), 0.05, 1)
    x, y = points(model, kept.x, kept.y)
    row = np.clip((kept.y + 0.5) * rows / size[0], 0, rows - 1).astype(int)
    column = np.clip((kept.x + 0.5) * columns / size[1], 0, columns - 1).astype(int)
    sums = np.zeros((rows, columns, 3), np.float32)
    rest = (kept.x + kept.right - x, kept.y + kept.down - y, np.ones(len(kept)))
    for plane, values in enumerate(rest):
        np.add.at(sums[:, :, plane], (row, column), trust * values)
    near, wide = smooth(sums, 0.8), smooth(sums, 3.0)
    total = near[:, :, 2:] + PULL * wide[:, :, 2:] + PULL * 1e-2
    field = (near[:, :, :2] + PULL * wide[:, :, :2]) / total
    field = unfolded(field, size[0] / rows)
    there_x = (np.arange(columns) + 0.5)[None] * size[1] / columns - 0.5
    there_y = (np.arange(rows) + 0.5)[:, None] * size[0] / rows - 0.5
    model_x, model_y = points(model, there_x, there_y)
    field = field + np.stack([model_x - there_x, model_y - there_y], axis=2).astype(np.float32)
    return np.asarray(field, np.float32), np.clip(smooth(sums[:, :, 2], 0.5) * 2.0, 0, 1).astype(np.float32)
