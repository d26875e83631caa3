"""Towns of rectangles in all directions on soft ground, which registration can find its way in."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def town(seed: int, side: int, homes: int, blur: float = 0.7, noise: float = 0.03) -> np.ndarray:
    """(side, side, 3) about 0 to 1, not clipped; as many rectangles, blurred, with soft noise."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    image = np.full((side, side), 0.4)
    for _ in range(homes):
        row, column = draw.uniform(0, side, 2)
        long, wide, angle = draw.uniform(4, 18), draw.uniform(4, 12), draw.uniform(0, np.pi)
        along = (columns - column) * np.cos(angle) + (rows - row) * np.sin(angle)
        across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
        image[(np.abs(along) < long) & (np.abs(across) < wide)] = draw.uniform(0.1, 0.9)
    image = gaussian_filter(image, blur) + noise * gaussian_filter(draw.standard_normal((side, side)), 1.0)
    return image[:, :, None] * [1, 0.9, 0.8]


def in_bytes(image: np.ndarray) -> np.ndarray:
    """In 8 bits, from 1: nothing equals an empty pixel."""
    return np.clip(np.rint(255 * image), 1, 255).astype(np.uint8)
