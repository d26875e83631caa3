"""What JPEG leaves in an image: coefficients of its 8 x 8 blocks that lie at multiples of a quality's steps."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 8
"""Of JPEG's blocks."""
QUALITIES = (60, 62, 64, 66, 68, 70, 72, 75, 78, 80, 82, 85, 88, 90, 92, 93, 94, 95, 96, 98)
FREQUENCIES = tuple((row, column) for row in range(6) for column in range(6) if 0 < row + column < 6)
"""Of the coefficients that are looked at: of higher ones, most are zero in any image."""
LUMINANCE_STEPS = (
    (16, 11, 10, 16, 24, 40),
    (12, 12, 14, 19, 26, 58),
    (14, 13, 16, 24, 40, 57),
    (14, 17, 22, 29, 51, 87),
    (18, 22, 37, 56, 68, 109),
    (24, 35, 55, 64, 81, 104),
)
"""Of the standard's table for quality 50, up to the sixth frequency."""
LUMA = (0.299, 0.587, 0.114)
CPU = torch.device("cpu")
"""Where constants are computed: on the device "meta", where sizes are checked, arithmetic imports torch's compiler."""


class JpegTraces(nn.Module):
    """Image (B, C, H, W) in [0, 1] -> (B, qualities): how far the grid of blocks stands out, by quality.

    The mean of cos(2 pi c / step) is near 1 where the coefficients c are multiples of the steps, on that grid alone.
    For each quality: the greatest mean of the 64 grids minus their average, which is near 0 for images without JPEG.
    Images of less than two blocks a side give 0.
    """

    basis: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        built_on = torch.get_default_device()
        self.register_buffer("basis", _basis().to(built_on), persistent=False)
        self.register_buffer("steps", _steps().to(built_on), persistent=False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        rows, columns = ((length - SIDE + 1) // SIDE for length in image.shape[2:])
        if min(rows, columns) < 1:
            return image.new_zeros(len(image), len(QUALITIES))
        with torch.autocast(image.device.type, enabled=False):
            weights = LUMA if image.shape[1] == len(LUMA) else [1 / image.shape[1]] * image.shape[1]
            luma = (image.float() * image.new_tensor(weights, dtype=torch.float32)[:, None, None]).sum(1, keepdim=True)
            coefficients = F.conv2d(255 * luma, self.basis)[:, :, : rows * SIDE, : columns * SIDE]
            found = []
            for steps in self.steps:
                on_steps = (coefficients * (2 * math.pi / steps)).cos_().mean(1)
                by_grid = on_steps.unflatten(2, (columns, SIDE)).unflatten(1, (rows, SIDE)).mean((1, 3)).flatten(1)
                found.append(by_grid.amax(1) - by_grid.mean(1))
            return torch.stack(found, 1).to(image.dtype)


def _basis() -> Tensor:
    """(frequencies, 1, 8, 8): orthonormal cosines."""
    place = (2 * torch.arange(SIDE, dtype=torch.float64, device=CPU) + 1) * math.pi / (2 * SIDE)
    waves = torch.stack([torch.cos(frequency * place) for frequency in range(SIDE)]) / 2
    waves[0] /= math.sqrt(2)
    return torch.stack([torch.outer(waves[row], waves[column]) for row, column in FREQUENCIES])[:, None].float()


def _steps() -> Tensor:
    """(qualities, frequencies, 1, 1): the standard's steps; qualities are 50 at least."""
    table = torch.tensor([LUMINANCE_STEPS[row][column] for row, column in FREQUENCIES], device=CPU)
    steps = [((table * (200 - 2 * quality) + 50) // 100).clamp(min=1) for quality in QUALITIES]
    return torch.stack(steps)[:, :, None, None].float()
