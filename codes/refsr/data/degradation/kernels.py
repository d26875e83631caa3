"""Blur kernels: (size, size) arrays of float64 that sum to one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Kernel = npt.NDArray[np.float64]


def _grid(size: int) -> tuple[Kernel, Kernel]:
    offsets = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(offsets, offsets)
    return x, y


def _normed(kernel: Kernel) -> Kernel:
    normed: Kernel = kernel / kernel.sum()
    return normed


def _ellipse(size: int, sigma_x: float, sigma_y: float, angle: float) -> Kernel:
    """Squared distance in units of the two standard deviations, the first of them `angle` radians from the x axis."""
    x, y = _grid(size)
    along = math.cos(angle) * x + math.sin(angle) * y
    across = math.cos(angle) * y - math.sin(angle) * x
    squared: Kernel = (along / sigma_x) ** 2 + (across / sigma_y) ** 2
    return squared


def gaussian(size: int, sigma_x: float, sigma_y: float, angle: float = 0.0) -> Kernel:
    """exp(-d^2 / 2)."""
    return _normed(np.exp(-0.5 * _ellipse(size, sigma_x, sigma_y, angle)))


def generalised(size: int, sigma_x: float, sigma_y: float, angle: float, beta: float) -> Kernel:
    """exp(-(d^2)^beta / 2): pointed below beta 1, flat-topped above."""
    return _normed(np.exp(-0.5 * _ellipse(size, sigma_x, sigma_y, angle) ** beta))


def plateau(size: int, sigma_x: float, sigma_y: float, angle: float, beta: float) -> Kernel:
    """1 / (1 + (d^2)^beta): a plateau with long tails."""
    return _normed(1 / (1 + _ellipse(size, sigma_x, sigma_y, angle) ** beta))


def sinc(size: int, cutoff: float) -> Kernel:
    """The ideal circular low-pass at `cutoff` radians a pixel, cut to a square: it rings."""
    from scipy.special import j1

    x, y = _grid(size)
    radius = np.hypot(x, y)
    safe = np.where(radius == 0, 1.0, radius)
    ringing = np.where(radius == 0, cutoff**2 / (4 * math.pi), cutoff * j1(cutoff * safe) / (2 * math.pi * safe))
    return _normed(ringing)


def motion(length: float, angle: float) -> Kernel:
    """A straight move of `length` pixels at constant speed, `angle` radians from the x axis, antialiased."""
    size = 2 * math.ceil(length / 2) + 3
    x, y = _grid(size)
    along = np.abs(math.cos(angle) * x + math.sin(angle) * y)
    across = np.abs(math.cos(angle) * y - math.sin(angle) * x)
    return _normed(np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - across, 0, 1))
