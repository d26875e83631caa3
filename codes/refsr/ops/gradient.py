"""Image gradients: central differences and their magnitude, with three padding rules.

`same` pads with one zero and keeps the size. `full` pads with two: the map is two pixels larger each way, its
outermost ring holds the magnitude of the border pixels next to it, and its corners hold sqrt(eps). `valid` pads with
none: two pixels smaller each way, and no border enters.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import OperatorError, suggestion

Padding = Literal["same", "full", "valid"]
PADDINGS = {"same": 1, "full": 2, "valid": 0}


def image_gradients(image: Tensor, padding: Padding = "same") -> tuple[Tensor, Tensor]:
    """(B, C, H, W) -> differences down and across, `x[i+1, j] - x[i-1, j]` and `x[i, j+1] - x[i, j-1]`, undivided."""
    if padding not in PADDINGS:
        known = ", ".join(PADDINGS)
        raise OperatorError(
            f"image_gradients: padding {padding!r} is not known{suggestion(str(padding), PADDINGS)} (known: {known})"
        )
    width = PADDINGS[padding]
    if image.dim() != 4:
        raise OperatorError(f"image_gradients: image has shape {tuple(image.shape)}, expected (B, C, H, W)")
    if min(image.shape[2:]) + 2 * width < 3:
        raise OperatorError(
            f"image_gradients: image has shape {tuple(image.shape)}, padding {padding!r} needs {3 - 2 * width} pixels "
            f"or more each way"
        )
    padded = F.pad(image, (width, width, width, width))
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    return down, across


def gradient_magnitude(image: Tensor, padding: Padding = "same", eps: float = 1e-6) -> Tensor:
    """(B, C, H, W) -> sqrt(down^2 + across^2 + eps), a channel each; H and W as the padding rule says."""
    down, across = image_gradients(image, padding)
    return torch.sqrt(down * down + across * across + eps)
