"""Data consistency: the projection of an image onto those that reduce to LR."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.core.errors import DataError
from refsr.ops.banded import resize_axis
from refsr.ops.resize import ResizeAxis, resize_plan


class Consistency:
    """Changes images (B, C, H, W) as little as possible so that their reduction is LR (B, C, h, w).

    The reduction is the exact resizer's, a matrix A for each axis; the least change is A^T (A A^T)^-1 times the
    residual. It is computed in float64.
    """

    def __init__(self, lr: Tensor, height: int, width: int, kernel: str = "bicubic") -> None:
        self.lr = lr.double()
        sides = lr.shape[-2], lr.shape[-1]
        if sides[0] > height or sides[1] > width:
            raise DataError(f"LR of {sides[0]}x{sides[1]} pixels is no reduction of {height}x{width}")
        self.axes = {which - 2: axis for which, axis in resize_plan((height, width), None, sides, kernel, True)}
        self.solvers = {dim: _solver(axis, self.lr) for dim, axis in self.axes.items()}

    def reduce(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, h, w)."""
        image = image.double()
        for dim, axis in self.axes.items():
            image = resize_axis(image, axis, dim)
        return image

    def __call__(self, image: Tensor) -> Tensor:
        residual = self.lr - self.reduce(image)
        change = self.solvers[-2] @ residual @ self.solvers[-1].T
        return (image.double() + change).to(image.dtype)


def _solver(axis: ResizeAxis, like: Tensor) -> Tensor:
    """(axis.length, axis.outputs): A^T (A A^T)^-1."""
    identity = torch.eye(axis.length, dtype=torch.float64, device=like.device)
    matrix = resize_axis(identity, axis, -2)
    solved: Tensor = torch.linalg.solve(matrix @ matrix.T, matrix)
    return solved.T
