"""Gradient loss: the difference of two images' gradient maps."""

from __future__ import annotations

from torch import Tensor

from refsr.losses.pixel import Criterion, pixel_loss, widened
from refsr.ops import gradient_magnitude
from refsr.ops.gradient import Padding


def gradient_loss(
    restored: Tensor, target: Tensor, padding: Padding = "full", criterion: Criterion = "l2", eps: float = 1e-6
) -> Tensor:
    """(B, C, H, W) twice -> the mean squared difference of their gradient magnitudes, at least in float32.

    Published with padding `full`, so that values at the border count too; `same` and `valid` leave them out.
    """
    restored_map, target_map = (gradient_magnitude(widened(image), padding, eps) for image in (restored, target))
    return pixel_loss(restored_map, target_map, criterion)
