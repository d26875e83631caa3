"""What weights begin with, where PyTorch's own beginning leaves nothing of the input behind many layers."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Initial = Literal["released", "he"]
INITIALS = ("released", "he")
"""PyTorch's own, as published; or weights that keep the size of what comes in."""


def begin_he(layer: nn.Conv2d | nn.Linear, slope: float, times: float = 1.0) -> None:
    """Weights that keep the size of features behind leaky activations, or make it `times` as large."""
    nn.init.kaiming_normal_(layer.weight, slope)
    with torch.no_grad():
        layer.weight.mul_(times)
