"""How much a registration can be trusted: at each pixel, and as a whole."""

from __future__ import annotations

import numpy as np

from refsr.registration.gradients import correlation, dot, oriented, signed, smooth
from refsr.registration.greys import Greys
from refsr.registration.refine import seen_through
from refsr.registration.result import Figures
from refsr.registration.search import halved
from refsr.registration.transforms import Floats, Transform

SIDES = (24.0, 45.0, 90.0, 180.0, 240.0)
"""Matching pixels along the side of the ground that was compared: the fewer, the more like LR other places get."""
LEAST = (1.2, 0.88, 0.55, 0.36, 0.27)
"""Evidence that a Ref needs, for each of these; the first is a guess from the others. What 300 wrong pairs of worlds
reached at x16, in the 99th percentile and at most, was .79 and .83 (sides about 45), 300 at x8 .43 and .49 (90), 200
at x4 .30 and .36 (180), 240 of real sets .25 and .26. Right pairs of worlds reach 1.19 at least; of 103 real ones that
come to lie on HR, the lowest .24, .28, .29 and .34. benchmarks/registration_verdict.py measures it."""
BESIDE = 3
"""LR pixels around the best shift that belong to its peak."""
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
    together = smooth(dot(own, seen) * both, AROUND)
    power = smooth(dot(own, own) * both, AROUND) * smooth(dot(seen, seen) * both, AROUND)
    found: Floats = together / (np.sqrt(power) + FAINT)
    return found


def lead_and_sides(greys: Greys, transform: Transform) -> tuple[float, float]:
    """What tells a right transform, beside the likeness, from the best that another place's Ref reaches.

    How much higher the correlation is than at any other shift (Ref of another place fits about as well elsewhere); and
    the correlation of gradients with their signs, whether bright sides agree or have changed places.
    """
    seen, valid = seen_through(greys, transform)
    both = valid * greys.lr_valid
    sides = abs(correlation(signed(greys.lr, 1.0), signed(seen, 1.0), both))
    return _lead(halved(greys.lr), halved(seen), (halved(both) > 0.99).astype(np.float32)), sides


def _lead(own: Floats, seen: Floats, both: Floats) -> float:
    """The correlation at no shift less the highest at any other, which come from the circular correlation."""
    surface = _surface(*(oriented(image, both, 0, 0.8) for image in (own, seen)))
    height, width = (BESIDE if length > 2 * BESIDE + 1 else 0 for length in both.shape)
    peak = float(surface[np.ix_((-1, 0, 1), (-1, 0, 1))].max())
    surface[np.ix_(range(-height, height + 1), range(-width, width + 1))] = -1
    return peak - float(surface.max())


def _surface(own: Floats, seen: Floats) -> Floats:
    """(h, w, C) twice -> their correlation at each circular shift, (h, w)."""
    spectra = [np.fft.rfft2(np.moveaxis(image, 2, 0)) for image in (own, seen)]
    products = np.fft.irfft2((np.conj(spectra[0]) * spectra[1]).sum(axis=0), own.shape[:2])
    power = float((own * own).sum()) * float((seen * seen).sum())
    return np.asarray(products / np.sqrt(power) if power > 1e-12 else np.zeros_like(products))


def reasons_against(figures: Figures, pixels: int) -> tuple[str, ...]:
    """Why a Ref cannot be used, of which that many matching pixels were compared; empty where it can."""
    side = np.log2(max(1.0, float(pixels)) ** 0.5)
    least = float(np.interp(side, np.log2(SIDES), LEAST))
    if figures.evidence >= least:
        return ()
    return (
        f"no place was found where Ref is like LR: likeness {figures.likeness:.2f}, evidence {figures.evidence:.2f}; "
        f"another place's Ref reaches {least:.2f}",
    )
