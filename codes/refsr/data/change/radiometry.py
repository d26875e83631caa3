"""Ref's colours brought to LR's by a map that follows what did not change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refsr.registration.gradients import smooth
from refsr.registration.transforms import Floats

ROUNDS = 10
# Keeps the map near the identity where an image has too few colours to estimate it.
RIDGE = 1e-6
# A residual of this many levels of [0, 1] is no more than noise.
NOISE = 2e-3
# The rest that varies slowly, haze above all, is taken away over this part of the image's side.
SLOWLY = 1 / 6


def residual(lr: Floats, ref: Floats, covered: Floats) -> tuple[Floats, Floats]:
    """(h, w, C) LR and Ref on its grid -> what LR has beyond Ref in LR's colours (h, w, C), and Ref in LR's colours.

    Each band of LR is a sum of Ref's bands and a constant; pixels count the less the worse they fit, and not at all
    where Ref does not reach.
    """
    height, width, bands = lr.shape
    colours = np.column_stack([ref.reshape(-1, bands), np.ones(height * width)]).astype(np.float64)
    wanted = lr.reshape(-1, bands).astype(np.float64)
    reached = (covered.ravel() > 0.5).astype(np.float64)
    if not reached.any():
        reached = np.ones_like(reached)
    trust = reached
    prior = np.vstack([np.eye(bands), np.zeros(bands)])
    mapped: npt.NDArray[np.float64] = colours[:, :bands]
    for _ in range(ROUNDS):
        ridge = RIDGE * len(colours) * np.eye(bands + 1)
        weighted = colours * trust[:, None]
        mapped = colours @ np.linalg.solve(colours.T @ weighted + ridge, weighted.T @ wanted + ridge @ prior)
        misfit = np.sqrt(((wanted - mapped) ** 2).mean(axis=1))
        usual = 1.4826 * np.median(misfit[reached > 0]) + NOISE
        trust = reached / (1 + (misfit / usual) ** 2)
    fitted = mapped.reshape(lr.shape).astype(np.float32)
    weight = trust.reshape(height, width).astype(np.float32)
    rest: Floats = lr - fitted
    side = SLOWLY * max(height, width)
    rest = rest - smooth(rest * weight[:, :, None], side) / (smooth(weight, side)[:, :, None] + np.float32(NOISE))
    return rest, fitted
