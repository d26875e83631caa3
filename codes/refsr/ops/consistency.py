"""Data consistency: an image changed as little as possible so that its reduction by the sensor's response is LR."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from refsr.core.errors import DataError
from refsr.ops.banded import resize_axis
from refsr.ops.resize import ResizeAxis, resize_plan

NEGLIGIBLE = 1e-5
"""Of a correction, what may lie beyond its reach."""
LONG = 96
"""Pixels of LR along the axis on which reaches are found."""


class Consistency:
    """Changes images (B, C, H, W) as little as possible so that their reduction is LR (B, C, h, w).

    The reduction is the exact resizer's, a matrix A for each axis; the least change is A^T (A A^T)^-1 times the
    residual, where iterated back-projection ends. With a `softness` above 0 the residual is shrunk and not removed:
    A^T (A A^T + softness I / s^2)^-1, the best estimate where the error of an LR pixel has `softness` times the
    variance of the image's error over it. It is computed in float64.
    """

    def __init__(self, lr: Tensor, height: int, width: int, kernel: str = "bicubic", softness: float = 0.0) -> None:
        self.lr = lr.double()
        sides = lr.shape[-2], lr.shape[-1]
        if sides[0] > height or sides[1] > width:
            raise DataError(f"LR of {sides[0]}x{sides[1]} pixels is no reduction of {height}x{width}")
        self.axes = {which - 2: axis for which, axis in resize_plan((height, width), None, sides, kernel, True)}
        # A A^T of the whole image is a product of those of its axes, so it is solved in their eigenvectors.
        self._rows, self._columns = (_solver(self.axes[dim], self.lr.device) for dim in (-2, -1))
        ridge = softness * (sides[0] * sides[1]) / (height * width)
        self._inverse = 1 / (self._rows.values[:, None] * self._columns.values + ridge)

    def reduce(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, h, w)."""
        image = image.double()
        for dim, axis in self.axes.items():
            image = resize_axis(image, axis, dim)
        return image

    def __call__(self, image: Tensor) -> Tensor:
        residual = self.lr - self.reduce(image)
        solved = (self._rows.vectors.T @ residual @ self._columns.vectors) * self._inverse
        change = self._rows.back @ solved @ self._columns.back.T
        return (image.double() + change).to(image.dtype)


@lru_cache(maxsize=32)
def reach(scale: int, kernel: str = "bicubic", softness: float = 0.0) -> int:
    """Pixels of LR from which a corrected pixel is seen: all of the rest is NEGLIGIBLE.

    The exact correction reaches over the whole image, and fades exponentially.
    """
    (_, axis), _ = resize_plan((LONG * scale, LONG * scale), None, (LONG, LONG), kernel, True)
    matrix = _matrix(axis, torch.device("cpu"))
    gram = matrix @ matrix.T + softness / scale * torch.eye(LONG, dtype=torch.float64)
    column = torch.linalg.solve(gram, matrix)[LONG // 2].abs()
    away = (torch.arange(LONG * scale) // scale - LONG // 2).abs()
    beyond = [float(column[away > distance].sum() / column.sum()) for distance in range(LONG // 2)]
    first = next((distance for distance, share in enumerate(beyond) if share < NEGLIGIBLE), LONG // 2)
    # What is corrected was reduced before, over the kernel's own support.
    return first + math.ceil(int((matrix[LONG // 2] != 0).sum()) / (2 * scale))


def _matrix(axis: ResizeAxis, device: torch.device) -> Tensor:
    """(axis.outputs, axis.length): the reduction A."""
    return resize_axis(torch.eye(axis.length, dtype=torch.float64, device=device), axis, -2)


class Solver(NamedTuple):
    """What solves for the least change along an axis."""

    values: Tensor
    """Eigenvalues of A A^T."""
    vectors: Tensor
    """Its eigenvectors in columns."""
    back: Tensor
    """A^T times these."""


@lru_cache(maxsize=8)
def _solver(axis: ResizeAxis, device: torch.device) -> Solver:
    """Tiles of one size share it; it may be used with gradients, too, whoever asks first."""
    with torch.inference_mode(False), torch.no_grad():
        matrix = _matrix(axis, device)
        values, vectors = torch.linalg.eigh(matrix @ matrix.T)
        return Solver(values, vectors, matrix.T @ vectors)
