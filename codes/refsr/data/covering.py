"""Smooth random patches that cover a share of an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]


def covered(height: int, width: int, percent: float, generator: np.random.Generator) -> npt.NDArray[np.bool_]:
    """(height, width): true on `percent` of the pixels, in patches of many sizes; to within half a pixel."""
    field = billows(height, width, generator)
    count = round(field.size * percent / 100)
    chosen = np.zeros(field.size, dtype=bool)
    chosen[np.argsort(field, axis=None, kind="stable")[field.size - count :]] = True
    return chosen.reshape(height, width)


def billows(height: int, width: int, generator: np.random.Generator) -> Plane:
    """Noise that is smooth at a sixth of the shorter side, rough at a twentieth of it."""
    from scipy.ndimage import gaussian_filter

    shorter = min(height, width)
    field = np.zeros((height, width))
    for part, strength in ((6, 1.0), (12, 0.5), (24, 0.25)):
        octave = gaussian_filter(generator.standard_normal((height, width)), shorter / part, mode="reflect")
        field += strength * octave / max(float(octave.std()), 1e-12)
    return field
