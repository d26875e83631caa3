"""Pairs with a known truth, made by SciPy alone: ground, its LR, and a Ref that a known transform moved."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates


def ground(seed: int, side: int = 320) -> np.ndarray:
    """(side, side) in [0, 1]: roofs and fields with edges of all directions, and texture."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side].astype(np.float64)
    image = np.full((side, side), 0.4)
    for _ in range(side * side // 700):
        row, column = draw.uniform(0, side, 2)
        long, wide = draw.uniform(4, 20, 2)
        angle = draw.uniform(0, math.pi)
        along = (columns - column) * math.cos(angle) + (rows - row) * math.sin(angle)
        across = (rows - row) * math.cos(angle) - (columns - column) * math.sin(angle)
        image[(np.abs(along) < long) & (np.abs(across) < wide)] = draw.uniform(0.1, 0.9)
    image += 0.05 * gaussian_filter(draw.standard_normal((side, side)), 1.5) / 0.2
    return np.clip(gaussian_filter(image, 0.7), 0, 1).astype(np.float32)


def reduced(image: np.ndarray, scale: int) -> np.ndarray:
    """Means of squares."""
    height, width = (length // scale * scale for length in image.shape[:2])
    cut = image[:height, :width]
    return cut.reshape(height // scale, scale, width // scale, scale, *image.shape[2:]).mean((1, 3)).astype(np.float32)


def matrix(turn: float, scale: float, right: float, down: float, side: int) -> np.ndarray:
    """(2, 3): HR's pixel (x, y) to Ref's, a turn in degrees and a scale about the middle, then a shift."""
    cosine, sine = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    middle = (side - 1) / 2
    turned = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turned, np.array([middle + right, middle + down]) - turned @ [middle, middle]])


def seen_from(image: np.ndarray, known: np.ndarray, margin: int, side: int, bend=None) -> np.ndarray:
    """Ref (side, side) of a wider image: Ref's pixel q shows what HR has at p where q = known(p + bend(p))."""
    rows, columns = np.mgrid[:side, :side].astype(np.float64)
    back = np.linalg.inv(known[:, :2])
    x = back[0, 0] * (columns - known[0, 2]) + back[0, 1] * (rows - known[1, 2])
    y = back[1, 0] * (columns - known[0, 2]) + back[1, 1] * (rows - known[1, 2])
    if bend is not None:
        moved_x, moved_y = x.copy(), y.copy()
        for _ in range(30):
            right, down = bend(moved_x, moved_y)
            moved_x, moved_y = x - right, y - down
        x, y = moved_x, moved_y
    return map_coordinates(image, [y + margin, x + margin], order=3, mode="mirror").astype(np.float32)


def pair(seed: int, known: np.ndarray, scale: int = 4, side: int = 240, bend=None) -> tuple[np.ndarray, np.ndarray]:
    """LR (side / scale) and Ref (side), Ref brighter and of less contrast."""
    margin = 60
    wide = ground(seed, side + 2 * margin)
    hr = wide[margin : margin + side, margin : margin + side]
    ref = seen_from(wide, known, margin, side, bend)
    return reduced(hr, scale), ref * np.float32(0.7) + np.float32(0.2)


def error(found, known: np.ndarray, bend=None, border: int = 0) -> np.ndarray:
    """(n,) distances in Ref's pixels between where HR's pixels were found and where they are, inside Ref."""
    from refsr.core.window import Window

    height, width = found.size
    x, y = found.coordinates(Window(0, 0, height, width))
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    right, down = bend(columns, rows) if bend is not None else (0, 0)
    true_x = known[0, 0] * (columns + right) + known[0, 1] * (rows + down) + known[0, 2]
    true_y = known[1, 0] * (columns + right) + known[1, 1] * (rows + down) + known[1, 2]
    inside = (true_x >= 0) & (true_x <= found.ref_size[1] - 1) & (true_y >= 0) & (true_y <= found.ref_size[0] - 1)
    if border:
        inside[:border] = inside[-border:] = inside[:, :border] = inside[:, -border:] = False
    return np.hypot(x - true_x, y - true_y)[inside]
