"""A sensor's sharpness: the Gaussian optics that, behind a square detector, reach a given contrast at Nyquist."""

from __future__ import annotations

import math

import numpy as np

from refsr.core.errors import UsageError


def detector_response(factor: int) -> float:
    """What averaging `factor` pixels leaves of a wave at the Nyquist frequency of the reduced grid."""
    return 1 / (factor * math.sin(math.pi / (2 * factor)))


def gaussian_size(sigma: float) -> int:
    """An odd kernel size that holds four standard deviations."""
    return 2 * max(1, math.ceil(4 * sigma)) + 1


def gaussian_response(sigma: float, factor: int) -> float:
    """What the sampled Gaussian leaves of the same wave."""
    half = gaussian_size(sigma) // 2
    offsets = np.arange(-half, half + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    return float((weights * np.cos(math.pi / factor * offsets)).sum() / weights.sum())


def fitted_sigma(nyquist: float, factor: int) -> float:
    """The standard deviation, in HR pixels, for which optics and detector together leave `nyquist`."""
    most = detector_response(factor)
    if not 0.01 <= nyquist < most:
        raise UsageError(
            f"MTF at Nyquist {nyquist:g} is out of reach at factor {factor}: from 0.01 to below {most:.3f}, "
            "which the detector alone leaves"
        )
    low, high = 1e-3, 2.0 * factor
    for _ in range(60):
        middle = (low + high) / 2
        if gaussian_response(middle, factor) * most > nyquist:
            low = middle
        else:
            high = middle
    return (low + high) / 2
