"""How much a registration can be trusted: at each pixel, and as a whole."""

from __future__ import annotations

import numpy as np

from refsr.registration.gradients import oriented, smooth
from refsr.registration.greys import Greys
from refsr.registration.refine import seen_through
from refsr.registration.result import Figures
from refsr.registration.transforms import Floats, Transform

SIDES = (60.0, 120.0, 240.0)
"""Matching pixels along the side of the ground that was compared: the fewer, the more like LR other places get."""
LEAST = (0.42, 0.36, 0.24)
"""Likeness under the transform that a Ref needs, for each of these."""
LEAST_BOTH = (1.0, 0.8, 0.52)
"""Likeness and the share of the covered ground that matches, together. What another place's Ref reached at most was, in
36 pairs of worlds at x16 .88, in 36 at x8 .70, and in 60 of real sets at x4 .35; in worlds at x4 likeness alone .27."""
RAMP = (0.3, 0.55)
"""Local likeness at which Ref counts nothing, and fully."""
AROUND = 8.0
"""Standard deviation of the surroundings, in matching pixels, over which likeness is local."""
FAINT = np.float32(1e-3)


def weight_map(
    greys: Greys, transform: Transform, field: Floats | None, size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """(H, W) weights, 0 to 1, and the share of each pixel that Ref covers."""
    import cv2

    seen, valid = seen_through(greys, transform, field)
    both = valid * greys.lr_valid
    likely = local_likeness(oriented(greys.lr, greys.lr_valid), oriented(seen, valid), both)
    low, high = RAMP
    weight = np.clip((likely - low) / (high - low), 0, 1) * both
    across = (size[1], size[0])
    covered = np.clip(cv2.resize(both, across, interpolation=cv2.INTER_LINEAR), 0, 1)
    found = np.clip(cv2.resize(weight.astype(np.float32), across, interpolation=cv2.INTER_LINEAR), 0, 1)
    return found * (covered > 0.99), covered


def local_likeness(own: Floats, seen: Floats, both: Floats) -> Floats:
    """(H, W, C) twice -> their correlation around each pixel, (H, W)."""
    together = smooth((own * seen).sum(axis=2) * both, AROUND)
    power = smooth((own * own).sum(axis=2) * both, AROUND) * smooth((seen * seen).sum(axis=2) * both, AROUND)
    found: Floats = together / (np.sqrt(power) + FAINT)
    return found


def reasons_against(figures: Figures, pixels: int) -> tuple[str, ...]:
    """Why a Ref cannot be used, of which that many matching pixels were compared; empty where it can."""
    side = np.log2(max(1.0, float(pixels)) ** 0.5)
    least, least_both = (float(np.interp(side, np.log2(SIDES), limits)) for limits in (LEAST, LEAST_BOTH))
    matched = figures.matched / figures.coverage if figures.coverage > 0 else 0.0
    if figures.likeness >= least and figures.likeness + matched >= least_both:
        return ()
    return (
        f"no place was found where Ref is like LR: likeness {figures.likeness:.2f}, and {100 * matched:.0f} % of the "
        f"ground matched; another place's Ref reaches {least:.2f}, or {least_both:.2f} for both together",
    )
